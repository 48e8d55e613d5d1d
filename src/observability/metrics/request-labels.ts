import { type KnownResource, type KnownResources, other } from '../../kubernetes/known-resources.js';
import { isConnect, type RequestInfo, type Scope, scopeOf } from '../../kubernetes/request-info.js';

/** The labels that describe a request; each has a bounded set of values. */
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
 * Returns what `create` has made for a request's labels. All requests with the same labels share one result, so that only the first one
 * allocates. The verb is that of RequestInfo; it is `connect` for exec, attach, portforward and proxy, and the lower-case method for
 * non-resource paths. Each unknown field is `other`.
 */
export function createRequestLabels<T>(
  knownResources: KnownResources,
  create: (labels: RequestLabels) => T,
): (info: RequestInfo) => T {
  const cache = new Map<KnownResource, T[]>();

  return info => {
    const resource = info.isResourceRequest ? knownResources.find(info) : nonResource;
    const verb = verbIndex(info);
    const scope = scopeOf(info);
    const index = (verb + 1) * scopes.length + scopes.indexOf(scope);
    let made = cache.get(resource);
    if (made === undefined) {
      made = [];
      cache.set(resource, made);
    }
    let result = made[index];
    if (result === undefined) {
      result = create({
        verb: (info.isResourceRequest ? resourceVerbs : methods)[verb] ?? other,
        group: resource.group,
        version: resource.version,
        resource: resource.resource,
        subresource: resource.subresource,
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
