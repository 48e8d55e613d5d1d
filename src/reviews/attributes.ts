import { parseQuery } from '../kubernetes/query.js';
import type { RequestInfo } from '../kubernetes/request-info.js';

/** A selector as sent. */
interface Selector {
  readonly rawSelector: string;
}

/** `ResourceAttributes` of authorization.k8s.io/v1. */
export interface ResourceAttributes {
  readonly verb?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly fieldSelector?: Selector;
  readonly labelSelector?: Selector;
}

/** What a user wants to do, as authorization.k8s.io/v1 has it. */
export type Attributes =
  | { readonly resourceAttributes: ResourceAttributes }
  | { readonly nonResourceAttributes: { readonly path: string; readonly verb: string } };

/** The verbs whose selectors authorizers see (KEP-4601). */
const selecting: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);
/** The deprecated paths of watches, which have no selectors for authorizers. */
const watchPath = /^\/+(?:api|apis\/[^/]*)\/[^/]*\/watch\//;

/** Whether authorizers see no selectors of a request although its verb has some: it has one of the deprecated paths of watches. */
export function hasWatchPath({ path }: Pick<RequestInfo, 'path'>): boolean {
  return watchPath.test(path);
}

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
  // Each request may come here, and to spread objects takes ten times the time.
  const attributes: Mutable<ResourceAttributes> = { verb, group, version, resource };
  if (subresource !== '') attributes.subresource = subresource;
  if (namespace !== '') attributes.namespace = namespace;
  if (name !== '') attributes.name = name;
  if (query !== '' && selecting.has(verb) && !hasWatchPath(info))
    Object.assign(attributes, selectorsOf(query));
  return { resourceAttributes: attributes };
}

export function verbOf(attributes: Attributes): string {
  if ('nonResourceAttributes' in attributes) return attributes.nonResourceAttributes.verb;
  return attributes.resourceAttributes.verb ?? '';
}

/** What an impersonator needs the right for, besides those to the values of a user, to do this by constrained impersonation (KEP-5284). */
export function impersonateOn(mode: string, attributes: Attributes): Attributes {
  const verb = `impersonate-on:${mode}:${verbOf(attributes)}`;
  return 'nonResourceAttributes' in attributes
    ? { nonResourceAttributes: { ...attributes.nonResourceAttributes, verb } }
    : { resourceAttributes: { ...attributes.resourceAttributes, verb } };
}

type Mutable<T> = { -readonly [Field in keyof T]: T[Field] };

function selectorsOf(query: string) {
  const parameters = parseQuery(query);
  const [fieldSelector = ''] = parameters.get('fieldSelector') ?? [];
  const [labelSelector = ''] = parameters.get('labelSelector') ?? [];
  return {
    ...(fieldSelector !== '' && { fieldSelector: { rawSelector: fieldSelector } }),
    ...(labelSelector !== '' && { labelSelector: { rawSelector: labelSelector } }),
  };
}
