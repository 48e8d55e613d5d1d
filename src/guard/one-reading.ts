import type { RequestInfo } from '../kubernetes/request-info.js';

/** Names of groups, versions, resources, subresources and namespaces. External metrics, which are resources too, have capitals. */
const field = /^[\w.:-]+$/;
/** The API server's own paths contain nothing else. */
const plainPath = /^\/*(?:[\w.~:-]+(?:\/[\w.~:-]+)*\/*)?$/;
const apiInAnyCase = /^\/*apis?(?:\/|$)/i;
const api = /^\/*apis?(?:\/|$)/;
const emptySegment = /[^/]\/\/+[^/]/;
/** Without a leading slash, the namespace would be read as the resource, and the resource as the name. */
const emptyNamespace = /^\/*apis?\/(?:[^/]+\/){1,2}(?:(?:watch|proxy)\/)?namespaces\/\//;
/** Kubernetes allows no % in names (ValidatePathSegmentName). None of its own names has a backslash, or `..` with parameters. */
const uncertainSegment = /[%\\]|(?:^|\/)\.\.?;/;

/**
 * Whether the fields of a RequestInfo are the only possible reading of its path. An API server takes a path literally. A program before or
 * behind it may merge slashes, decode a second time, cut off `;parameters` or ignore case; then the path means something else. What follows
 * a proxy subresource is another program's path, and may be anything.
 */
export function hasOneReading(info: RequestInfo): boolean {
  const { path } = info;
  if (!info.isResourceRequest) return plainPath.test(path) && apiInAnyCase.test(path) === api.test(path);
  if (!field.test(info.apiVersion) || !field.test(info.resource)) return false;
  if (info.apiPrefix === 'apis' && !field.test(info.apiGroup)) return false;
  if (info.namespace !== '' && !field.test(info.namespace)) return false;
  if (info.subresource !== '' && !field.test(info.subresource)) return false;
  if (uncertainSegment.test(info.name)) return false;
  const isProxied = info.name !== '' && (info.subresource === 'proxy' || info.verb === 'proxy');
  if (isProxied) return !emptyNamespace.test(path);
  return !emptySegment.test(path) && !uncertainSegment.test(path);
}
