import { parseQuery } from '../kubernetes/query.js';
import type { RequestInfo } from '../kubernetes/request-info.js';
import type { Attributes } from './reviews.js';

/** The verbs whose selectors authorizers see (KEP-4601). */
const selecting: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);
/** The deprecated paths of watches, which have no selectors for authorizers. */
const watchPath = /^\/+(?:api|apis\/[^/]*)\/[^/]*\/watch\//;

/**
 * What the API server asks its authorizers about a request: the fields of its RequestInfo, or a path and a verb. Selectors as apiserver's
 * `RequestInfoFactory` reads them: the first value of each.
 *
 * @param query As sent, without its question mark.
 */
export function attributesOf(info: RequestInfo, query: string): Attributes {
  const { isResourceRequest, verb, path } = info;
  if (!isResourceRequest) return { nonResourceAttributes: { path, verb } };
  const { apiGroup: group, apiVersion: version, resource, subresource, namespace, name } = info;
  const hasSelectors = selecting.has(verb) && !watchPath.test(path);
  return {
    resourceAttributes: {
      ...{ verb, group, version, resource },
      ...(subresource !== '' && { subresource }),
      ...(namespace !== '' && { namespace }),
      ...(name !== '' && { name }),
      ...(hasSelectors && selectorsOf(query)),
    },
  };
}

function selectorsOf(query: string) {
  const parameters = parseQuery(query);
  const [fieldSelector = ''] = parameters.get('fieldSelector') ?? [];
  const [labelSelector = ''] = parameters.get('labelSelector') ?? [];
  return {
    ...(fieldSelector !== '' && { fieldSelector: { rawSelector: fieldSelector } }),
    ...(labelSelector !== '' && { labelSelector: { rawSelector: labelSelector } }),
  };
}
