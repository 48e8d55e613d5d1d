export const apiVersion = 'authorization.k8s.io/v1';
export const kind = 'SubjectAccessReview';

/** `SubjectAccessReviewSpec` of authorization.k8s.io/v1: what a webhook is asked, and what match conditions see as `request`. */
export interface SubjectAccessReviewSpec {
  /** Either this, or `nonResourceAttributes`. */
  readonly resourceAttributes?: ResourceAttributes | undefined;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string } | undefined;
  readonly user?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly uid?: string | undefined;
}

/** What is asked about resources. A missing string is an empty one. */
interface ResourceAttributes {
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
