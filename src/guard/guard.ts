import type { Authentication } from '../authentication/authentication.js';
import type { OptionOwner } from '../lib/option.js';
import type { AuthenticationMetrics } from '../observability/metrics/authentication-metrics.js';
import type { OpenRequest, Operation, RequestContext } from '../request/context.js';
import type { Mount } from '../request/mount.js';
import type { ConstrainedImpersonation } from '../reviews/constrained-impersonation.js';
import type { Reviews } from '../reviews/reviews.js';
import type { RejectedPages } from './rejected-pages.js';

/** What a check returns if it has answered the request itself: no other guard judges it. */
export const answered = Symbol('answered');

/**
 * Judges one request, plain or with an upgrade. Throws a Rejection, or rejects with one if it has to wait. It runs for each request, so it
 * allocates nothing for a request that passes.
 */
export type Check = (request: RequestContext) => void | Promise<void> | typeof answered;

/** A check behind the guard that opens the cluster: it may ask for the endpoint. */
export type OpenCheck = (request: OpenRequest) => ReturnType<Check>;

/** Judges what a request does, whoever sends it. Throws a Rejection. */
export type OperationCheck = (operation: Operation) => void;

/** What guards are created with, besides the options. */
export interface GuardParts {
  /** Undefined without authentication: everyone then acts as the kubeconfig's user. */
  readonly authentication: Authentication | undefined;
  readonly metrics: { readonly authentication: Pick<AuthenticationMetrics, 'impersonated'> };
  readonly reviews: Reviews;
  readonly constrainedImpersonation: Pick<ConstrainedImpersonation, 'isThere'>;
  readonly rejectedPages: RejectedPages;
}

/** The questions of which every request is asked one after the other. A guard answers a part of one of them. */
export const stages = [
  // What may browsers do with its answer? Every answer says it, a rejection too.
  'answer',
  // Does the message have only one reading?
  'message',
  // Does it come from a web page that may not use the proxy?
  'page',
  // Who sends it?
  'caller',
  // May a web page send it? That depends on the path below a context, which only callers may learn.
  'origin',
  // Is there room for it?
  'room',
  // May it do what it asks for?
  'operation',
  // May it act as the user that it names? Only the API server knows.
  'user',
] as const;

/**
 * One rule: which requests it judges, and how. Its options, its reasons and its position in the order follow from its stage and the lists
 * of guards.
 *
 * @typeParam Options The options that it reads.
 * @typeParam Metrics Those of its feature.
 */
export interface Guard<Options = never, Metrics = undefined> extends OptionOwner {
  readonly name: string;
  readonly stage: (typeof stages)[number];
  /** Why it rejects: values of `reason` in kube_api_proxy_rejected_requests_total. */
  readonly reasons: readonly string[];
  /** Whether it judges the requests of a mount. */
  judges(mount: Mount): boolean;
  /** Undefined if the options do not turn the rule on. */
  create(options: Options, parts: GuardParts, metrics: Metrics): OpenCheck | undefined;
}

/** A guard that decides by the operation alone, so that it can judge one that nobody has requested. */
export interface OperationGuard<Options = never> extends Guard<Options> {
  readonly judgesOperations: true;
  create(options: Options, parts: GuardParts): OperationCheck | undefined;
}

/** All mounts. */
export function everyMount(): boolean {
  return true;
}

/** Mounts whose requests go to an API server. */
export function apiMounts({ isApi }: Mount): boolean {
  return isApi;
}

/** All mounts but those for kubelets and load balancers. */
export function pagesMounts({ access }: Mount): boolean {
  return access !== 'probe';
}

/** All mounts whose callers are authenticated. */
export function callersMounts({ access }: Mount): boolean {
  return access === 'caller' || access === 'optional';
}
