import type { RequestInfo } from '../kubernetes/request-info.js';

/** Names of groups, versions, resources, subresources and namespaces; external metrics, which are resources too, have capitals. */
const field = /^[\w.:-]+$/;
/** The API server's own paths have nothing else in them. */
const plainPath = /^\/*(?:[\w.~:-]+(?:\/[\w.~:-]+)*\/*)?$/;
const apiInAnyCase = /^\/*apis?(?:\/|$)/i;
const api = /^\/*apis?(?:\/|$)/;
const emptySegment = /[^/]\/\/+[^/]/;
/** Without it, what is read as the resource is the namespace, and what is read as the name is the resource. */
const emptyNamespace = /^\/*apis?\/(?:[^/]+\/){1,2}(?:(?:watch|proxy)\/)?namespaces\/\//;
/** Kubernetes has no % in names (ValidatePathSegmentName), and nothing of its own a backslash, or `..` with parameters. */
const uncertainSegment = /[%\\]|(?:^|\/)\.\.?;/;

/**
 * Whether the fields of a RequestInfo are all that anybody could make of its path. An API server takes a path by the letter;
 * what stands before or behind it may merge slashes, decode a second time, cut off `;parameters` or ignore case, and then the
 * path is about something else. What follows a proxy subresource is another program's path, and may be anything.
 */
export function hasCertainFields(info: RequestInfo): boolean {
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
