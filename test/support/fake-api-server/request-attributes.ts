import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';

/** The attributes of a request, as test/together/apiserver/same-reading.test.ts shows that an API server reads them. */
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

/** Splits a raw request target, in origin or absolute form, into path and query without changing either. */
export function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const origin = /^https?:\/\/[^/?]*/i.exec(target)?.[0] ?? '';
  const [path = '', ...query] = target.slice(origin.length).split('?');
  return { path, query: new URLSearchParams(query.join('?')) };
}

/** Reads method and raw request target; anything outside /api/v1 and /apis/GROUP/VERSION is a non-resource request. */
export function readAttributes(method: string, target: string): RequestAttributes {
  const { path, query } = splitTarget(target);
  const {
    apiGroup: group,
    apiVersion: version,
    ...info
  } = parseRequestInfo(method, decode(path), `${query}`);
  return { ...info, path, group, version };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
