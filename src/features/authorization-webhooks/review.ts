import { fieldRequirements } from '../../kubernetes/field-selector.js';
import { labelRequirements } from '../../kubernetes/label-selector.js';
import { quoted } from '../../kubernetes/quoted.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { digest } from '../../lib/digest.js';
import { isObject, parseObject } from '../../lib/json.js';
import type { ResourceAttributes } from '../../reviews/attributes.js';
import type { Wish } from '../../reviews/authorizer.js';
import type { WebhookAnswer } from './configuration.js';
import type { SubjectAccessReviewSpec } from './subject-access-review.js';
import { WebhookError } from './webhook-error.js';

const apiVersion = 'authorization.k8s.io/v1';
const kind = 'SubjectAccessReview';
/** The extra field of the user with the name of the cluster's context. What a caller says in it does not count. */
const clusterField = 'kube-api-proxy/cluster';
/** The most characters of attributes whose verdict is kept: what a caller may send must not fill the memory (apiserver `shouldCache`). */
const longestKept = 10_000;

/** The status of a review. */
export interface ReviewStatus {
  readonly isAllowed: boolean;
  readonly isDenied: boolean;
  readonly reason: string;
}

/** The most characters of a reason: it becomes a part of an answer, and of lines of the log. */
const longestReason = 10_000;

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
function resourceOf({
  fieldSelector,
  labelSelector,
  ...attributes
}: ResourceAttributes): NonNullable<SubjectAccessReviewSpec['resourceAttributes']> {
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

/** Reads the answer of a webhook as the API server does: without a kind it is a review. Throws a WebhookError for anything else. */
export function readStatus({ status: code, contentType, text }: WebhookAnswer): ReviewStatus {
  if (text === '') {
    const type = contentType || 'application/json';
    throw new WebhookError(`0-length response with status code: ${code} and content type: ${type}`);
  }
  const review = parseObject(text);
  if (review === undefined) {
    throw new WebhookError("couldn't get version/kind; json parse error: it is no object of JSON");
  }
  const { kind: itsKind = kind, apiVersion: itsVersion = apiVersion, status = {} } = review;
  if (itsKind !== kind || itsVersion !== apiVersion) throw otherKind(String(itsKind), String(itsVersion));
  if (!isObject(status)) throw mistyped(status, 'SubjectAccessReview.status', 'v1.SubjectAccessReviewStatus');
  const { allowed = false, denied = false, reason = '' } = status;
  if (typeof allowed !== 'boolean')
    throw mistyped(allowed, 'SubjectAccessReviewStatus.status.allowed', 'bool');
  if (typeof denied !== 'boolean') throw mistyped(denied, 'SubjectAccessReviewStatus.status.denied', 'bool');
  if (typeof reason !== 'string') throw mistyped(reason, 'SubjectAccessReviewStatus.status.reason', 'string');
  return { isAllowed: allowed, isDenied: denied, reason: reason.slice(0, longestReason) };
}

function otherKind(itsKind: string, itsVersion: string): WebhookError {
  const version = /^authorization\.k8s\.io\/(v1|v1beta1)$/.exec(itsVersion)?.[1];
  return new WebhookError(
    version === undefined
      ? `no kind ${quoted(itsKind)} is registered for version ${quoted(itsVersion)}`
      : `converting (${version}.${itsKind}) to (v1.${kind}): unknown conversion`,
  );
}

/** The words of Go's encoding/json for a value of another type. */
function mistyped(value: unknown, field: string, type: string): WebhookError {
  const given = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return new WebhookError(`json: cannot unmarshal ${given} into Go struct field ${field} of type ${type}`);
}
