import { type ApiObject, isRecord } from '../api/objects.js';

/** Replaces a value that is not shown. */
export const hiddenValue = '••••••';

/** The annotation of kubectl apply. It contains a whole object, and so the values of a Secret. */
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Whether a value is shown only on request: the values of a Secret, and copies of them. */
export function isSecretPath(object: ApiObject, path: readonly (string | number)[]): boolean {
  if (object.kind !== 'Secret') return false;
  const [first, second, third] = path;
  if ((first === 'data' || first === 'stringData') && path.length === 2) return true;
  return first === 'metadata' && second === 'annotations' && third === lastApplied;
}

/** A copy of an object or of a list, without the values of Secrets and without the annotation of kubectl apply. */
export function redact(object: ApiObject, kind = object.kind): ApiObject {
  const { items, rows } = object as { items?: unknown; rows?: unknown };
  const { annotations } = object.metadata ?? {};
  const isSecret = kind === 'Secret';
  return {
    ...object,
    ...(annotations !== undefined && {
      metadata: { ...object.metadata, annotations: withoutLastApplied(annotations) },
    }),
    ...(isSecret && isRecord(object['data']) && { data: hidden(object['data']) }),
    ...(isSecret && isRecord(object['stringData']) && { stringData: hidden(object['stringData']) }),
    ...(Array.isArray(items) && {
      items: items.map(item =>
        isRecord(item) ? redact(item, (item['kind'] as string) ?? kind?.replace(/List$/, '')) : item,
      ),
    }),
    ...(Array.isArray(rows) && {
      rows: rows.map(row =>
        isRecord(row) && isRecord(row['object']) ? { ...row, object: redact(row['object']) } : row,
      ),
    }),
  };
}

function withoutLastApplied(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return lastApplied in annotations ? { ...annotations, [lastApplied]: hiddenValue } : annotations;
}

function hidden(values: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.keys(values).map(key => [key, hiddenValue]));
}
