import type { Operation } from './access.js';
import type { ApiResource } from './discovery.js';
import { collectionPath } from './requests.js';

/** The answer of `/-/rules`: the requests in the order of the question. */
export interface RulesAnswer {
  readonly requests: readonly {
    readonly allowed: boolean;
    readonly message?: string;
    /** What the proxy does with the answer. */
    readonly note?: string;
  }[];
}

/** The method of a verb, and whether its path names one object. */
const forms: Readonly<Record<string, readonly [method: string, isNamed: boolean, query?: string]>> = {
  get: ['GET', true],
  list: ['GET', false],
  watch: ['GET', false, '?watch=true'],
  create: ['POST', false],
  update: ['PUT', true],
  patch: ['PATCH', true],
  delete: ['DELETE', true],
  deletecollection: ['DELETE', false],
};

/**
 * The first line of the request for an operation, for `/-/rules`; undefined for a verb without a request of its own. The name of the object
 * is only an example. An empty namespace means all namespaces.
 */
export function requestLine(
  prefix: string,
  resource: ApiResource,
  namespace: string,
  { subresource, verb }: Operation,
): string | undefined {
  const form = forms[verb];
  if (form === undefined) return undefined;
  const [method, isNamed, query = ''] = form;
  const collection = prefix + collectionPath(resource, namespace);
  const path = subresource === '' ? (isNamed ? '/name' : '') : `/name/${subresource}`;
  return `${method} ${collection}${path}${query}`;
}
