import { dirname, resolve } from 'node:path';

/**
 * A PEM document: inline in the kubeconfig, with the words that say where for a message, or a file that may be
 * rotated under us (absolute path).
 */
export type PemSource = { readonly data: Buffer; readonly origin?: string } | { readonly file: string };

/**
 * The PEM that a pair of fields names: FIELD-data, which wins, in base64 as Go reads it (line breaks are ignored,
 * padding is not optional), or FIELD, a path relative to the folder of `file`. Undefined when both are empty.
 */
export function resolvePemSource<F extends string>(
  entry: { readonly [K in F | `${F}-data`]?: string },
  field: F,
  { label, file }: { readonly label: string; readonly file: string | undefined },
): PemSource | { readonly problem: string } | undefined {
  const encoded = entry[`${field}-data`] ?? '';
  const path = entry[field] ?? '';
  if (encoded === '') return path === '' ? undefined : { file: resolvePath(path, file) };
  const origin = `${field}-data of ${label}`;
  const compact = encoded.replace(/[\r\n]/g, '');
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(compact);
  return isBase64 ? { data: Buffer.from(compact, 'base64'), origin } : { problem: `${origin} is not base64` };
}

/** A path that stands in the kubeconfig `file`, made absolute. */
export function resolvePath(path: string, file: string | undefined): string {
  return file === undefined ? resolve(path) : resolve(dirname(file), path);
}
