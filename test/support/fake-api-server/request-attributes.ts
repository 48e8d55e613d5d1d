/** The attributes of a request, read from method and path like the API server's RequestInfo. */
export interface RequestAttributes {
  /** get, list, watch, create, update, patch, delete or deletecollection; outside resources the method in lower case. */
  readonly verb: string;
  readonly isResourceRequest: boolean;
  /** The path as the client sent it, without the query. */
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
}

const verbs: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const namespaceSubresources = new Set(['status', 'finalize']);

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Splits a raw request target, in origin or absolute form, into path and query without changing either. */
export function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const origin = /^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? '';
  const local = target.slice(origin.length);
  const mark = local.indexOf('?');
  const path = mark < 0 ? local : local.slice(0, mark);
  return { path, query: new URLSearchParams(mark < 0 ? '' : local.slice(mark + 1)) };
}

/** Reads method and raw request target; anything outside /api/v1 and /apis/GROUP/VERSION is a non-resource request. */
export function readAttributes(method: string, target: string): RequestAttributes {
  const { path, query } = splitTarget(target);
  const segments = path
    .replace(/^\/+|\/+$/g, '')
    .split('/')
    .map(decode);
  const none = { group: '', version: '', namespace: '', resource: '', subresource: '', name: '' };
  const legacy = segments[0] === 'api';
  const rest = segments.slice(legacy ? 2 : 3);
  if ((!legacy && segments[0] !== 'apis') || rest.length === 0) {
    return { verb: method.toLowerCase(), isResourceRequest: false, path, ...none };
  }
  const group = legacy ? '' : (segments[1] ?? '');
  const version = segments[legacy ? 1 : 2] ?? '';
  let namespace = '';
  let parts = rest;
  if (parts[0] === 'namespaces' && parts[1]) {
    namespace = parts[1];
    if (parts.length > 2 && !namespaceSubresources.has(parts[2] ?? '')) parts = parts.slice(2);
  }
  const [resource = '', name = '', subresource = ''] = parts;
  let verb = verbs[method] ?? '';
  if (name === '') {
    if (verb === 'get') verb = isTrue(query.get('watch')) ? 'watch' : 'list';
    if (verb === 'delete') verb = 'deletecollection';
  }
  return { verb, isResourceRequest: true, path, group, version, namespace, resource, subresource, name };
}

/** A boolean query parameter as apimachinery reads it: "false" in any case (Go's EqualFold) and "0" are false, any other text is true. */
export function isTrue(value: string | null): boolean {
  return value !== null && value !== '0' && !/^false$/iu.test(value);
}
