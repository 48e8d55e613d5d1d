import { fieldRequirements } from '../../kubernetes/field-selector.js';
import { labelRequirements } from '../../kubernetes/label-selector.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { digest } from '../../lib/json.js';
import type { ResourceAttributes } from '../../reviews/attributes.js';
import type { Wish } from '../../reviews/authorizer.js';

export const apiVersion = 'authorization.k8s.io/v1';
export const kind = 'SubjectAccessReview';

/** `SubjectAccessReviewSpec` of authorization.k8s.io/v1: what a webhook is asked, and what match conditions see as `request`. */
export interface SubjectAccessReviewSpec {
  /** Either this, or `nonResourceAttributes`. */
  readonly resourceAttributes?: AskedAttributes | undefined;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string } | undefined;
  readonly user?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly uid?: string | undefined;
}

/** What is asked about resources. A missing string is an empty one. */
interface AskedAttributes {
  readonly namespace?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly fieldSelector?: SelectorAttributes;
  readonly labelSelector?: SelectorAttributes;
}

/** What a selector says. */
export interface SelectorAttributes {
  readonly requirements?: readonly SelectorRequirement[];
  readonly rawSelector?: string;
}

/** One requirement of a selector. */
interface SelectorRequirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** The extra field of the user with the name of the cluster's context. What a caller says in it does not count. */
const clusterField = 'kube-api-proxy/cluster';
/** The most characters of attributes whose verdict is kept: what a caller may send must not fill the memory (apiserver `shouldCache`). */
const longestKept = 10_000;

const users = new WeakMap<UserInfo, string>();

/** A wish as webhooks are asked about it. */
export class AskedReview {
  readonly wish: Wish;
  /** Whether the verdict may be kept. */
  readonly isKept: boolean;
  /** Equal for two wishes whose spec is equal. */
  readonly key: string;
  #spec: SubjectAccessReviewSpec | undefined;

  constructor(wish: Wish) {
    const attributes = JSON.stringify(wish.attributes);
    this.wish = wish;
    this.isKept = attributes.length <= longestKept;
    this.key = `${digestOf(wish.user)}${attributes}${wish.cluster}`;
  }

  /** `SubjectAccessReviewSpec`, as the API server would send it; with the name of the cluster. */
  get spec(): SubjectAccessReviewSpec {
    this.#spec ??= specOf(this.wish);
    return this.#spec;
  }

  /** The JSON for a webhook. */
  get body(): string {
    return JSON.stringify({ kind, apiVersion, metadata: {}, spec: this.spec, status: { allowed: false } });
  }
}

function digestOf(user: UserInfo): string {
  let text = users.get(user);
  if (text === undefined) {
    const { username, uid, groups, extra } = user;
    text = digest([username, uid, groups, [...extra]]);
    users.set(user, text);
  }
  return text;
}

function specOf({ user, attributes, cluster }: Wish): SubjectAccessReviewSpec {
  const { username, uid = '', groups, extra } = user;
  return {
    ...('resourceAttributes' in attributes
      ? { resourceAttributes: resourceOf(attributes.resourceAttributes) }
      : attributes),
    user: username,
    ...(groups.length > 0 && { groups }),
    extra: Object.fromEntries([...extra, [clusterField, [cluster]]]),
    ...(uid !== '' && { uid }),
  };
}

/** Go leaves out what is empty. The API server sends selectors as what it has read; requirements that it cannot say are left out. */
function resourceOf({ fieldSelector, labelSelector, ...attributes }: ResourceAttributes): AskedAttributes {
  const fields = fieldRequirements(fieldSelector?.rawSelector ?? '') ?? [];
  const labels = (labelRequirements(labelSelector?.rawSelector ?? '') ?? [])
    .filter(({ operator }) => operator !== 'Gt' && operator !== 'Lt')
    .map(({ values, ...requirement }) => ({ ...requirement, ...(values.length > 0 && { values }) }));
  return {
    ...Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== '')),
    ...(fields.length > 0 && { fieldSelector: { requirements: fields } }),
    ...(labels.length > 0 && { labelSelector: { requirements: labels } }),
  };
}
