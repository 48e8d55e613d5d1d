import { type KnownResource, type KnownResources, other } from '../../kubernetes/known-resources.js';
import { isConnect, type RequestInfo, type Scope, scopeOf } from '../../kubernetes/request-info.js';

/** The labels that say what a request was about; every one of them is from a bounded set. */
export interface RequestLabels {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly scope: Scope;
}

export const requestLabelNames = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'] as const;

const scopes: readonly Scope[] = ['', 'cluster', 'namespace', 'resource'];
const resourceVerbs = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
  'connect',
];
const methods = ['get', 'head', 'post', 'put', 'patch', 'delete', 'options'];
const resourceVerbIndex: ReadonlyMap<string, number> = new Map(
  resourceVerbs.map((verb, index) => [verb, index]),
);
const methodIndex: ReadonlyMap<string, number> = new Map(methods.map((method, index) => [method, index]));

const nonResource: KnownResource = { group: '', version: '', resource: '', subresource: '', known: true };

/**
 * What `create` made for a request's labels, made once for all requests with the same labels. The verb is RequestInfo's, `connect`
 * for exec, attach, portforward and proxy, the lower-case method for non-resource paths; what is unknown is `other` field by field,
 * and an unknown resource sends `knownResources` to discovery. Only the first request of its kind allocates.
 */
export function createRequestLabels<T>(
  knownResources: Pick<KnownResources, 'find' | 'refreshSoon'>,
  create: (labels: RequestLabels) => T,
): (info: RequestInfo) => T {
  const cache = new Map<KnownResource, T[]>();

  return info => {
    const place = info.isResourceRequest ? knownResources.find(info) : nonResource;
    if (!place.known) knownResources.refreshSoon();
    const verb = verbIndex(info);
    const scope = scopeOf(info);
    const index = (verb + 1) * scopes.length + scopes.indexOf(scope);
    let made = cache.get(place);
    if (made === undefined) {
      made = [];
      cache.set(place, made);
    }
    let result = made[index];
    if (result === undefined) {
      result = create({
        verb: (info.isResourceRequest ? resourceVerbs : methods)[verb] ?? other,
        group: place.group,
        version: place.version,
        resource: place.resource,
        subresource: place.subresource,
        scope,
      });
      made[index] = result;
    }
    return result;
  };
}

function verbIndex(info: RequestInfo): number {
  if (!info.isResourceRequest) return methodIndex.get(info.verb) ?? -1;
  return resourceVerbIndex.get(isConnect(info) ? 'connect' : info.verb) ?? -1;
}
