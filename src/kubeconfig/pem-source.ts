import { dirname, resolve } from 'node:path';

/**
 * A PEM document: inline in the kubeconfig, with a name for messages, or a file (absolute path), which another program may replace at any
 * time.
 */
export type PemSource = { readonly data: Buffer; readonly origin?: string } | { readonly file: string };

/**
 * The PEM of a pair of fields. FIELD-data wins; it is base64 as Go reads it (line breaks are ignored, padding is required). FIELD is a path
 * relative to the folder of `file`. Undefined if both are empty, or if there is a problem.
 */
export function resolvePemSource<F extends string>(
  entry: { readonly [K in F | `${F}-data`]?: string },
  field: F,
  { label, file }: { readonly label: string; readonly file: string | undefined },
  problems: string[],
): PemSource | undefined {
  const encoded = entry[`${field}-data`] ?? '';
  const path = entry[field] ?? '';
  if (encoded === '') return path === '' ? undefined : { file: resolvePath(path, file) };
  const origin = `${field}-data of ${label}`;
  const compact = encoded.replace(/[\r\n]/g, '');
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact);
  if (isBase64) return { data: Buffer.from(compact, 'base64'), origin };
  problems.push(`${origin} is not base64`);
  return undefined;
}

/** Makes a path from the kubeconfig `file` absolute. */
export function resolvePath(path: string, file: string | undefined): string {
  return file === undefined ? resolve(path) : resolve(dirname(file), path);
}
