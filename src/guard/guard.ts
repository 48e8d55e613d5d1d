import type { Authentication } from '../authentication/authentication.js';
import type { Clock } from '../lib/clock.js';
import type { OptionOwner } from '../lib/option.js';
import type { AuthenticationMetrics } from '../observability/metrics/authentication-metrics.js';
import type { Operation, RequestContext } from '../request/context.js';
import type { Mount } from '../request/mount.js';

/** What a check returns if it has answered the request itself: no other guard judges it. */
export const answered = Symbol('answered');

/**
 * Judges one request, plain or with an upgrade. Throws a Rejection, or rejects with one if it has to wait. It runs for each request, so it
 * allocates nothing for a request that passes.
 */
export type Check = (request: RequestContext) => void | Promise<void> | typeof answered;

/** Judges what a request does, whoever sends it. Throws a Rejection. */
export type OperationCheck = (operation: Operation) => void;

/** The two kinds of requests, which are counted separately. Long-running requests are watches, followed logs and upgrades. */
export type RequestKind = 'inflight' | 'longrunning';

/** What guards are created with, besides the options. */
export interface GuardParts {
  /** Undefined without authentication: everyone then acts as the kubeconfig's user. */
  readonly authentication: Authentication | undefined;
  readonly metrics: { readonly authentication: Pick<AuthenticationMetrics, 'impersonated'> };
  readonly clock: Clock;
  readonly slots: {
    /**
     * Takes a slot of each limit that counts a request. Returns a function that gives them back; later calls of it have no effect. Throws a
     * Rejection if a limit is reached.
     *
     * @param cluster Where the request goes, if there are several clusters.
     */
    take(user: string, kind: RequestKind, cluster?: object): () => void;
  };
}

/** One rule: which requests it judges, and how. Its options, its reasons and its position in the order follow from the list of guards. */
export interface Guard extends OptionOwner {
  readonly name: string;
  /** Why it rejects: values of `reason` in kube_api_proxy_rejected_requests_total. */
  readonly reasons: readonly string[];
  /** Whether it judges the requests of a mount. */
  judges(mount: Mount): boolean;
  /** Undefined if the options do not turn the rule on. */
  create(options: never, parts: GuardParts): Check | undefined;
}

/** A guard that decides by the operation alone, so that it can judge one that nobody has requested. */
export interface OperationGuard extends Guard {
  readonly judgesOperations: true;
  create(options: never, parts: GuardParts): OperationCheck | undefined;
}

/** Header fields for an answer, whoever sends it: name, value, …; undefined for none. */
export type AnswerFields = (request: RequestContext) => readonly string[] | undefined;

/** A rule that adds header fields for browsers to every answer, to a rejection too. */
export interface AnswerRule extends OptionOwner {
  readonly name: string;
  /** Undefined if the options do not turn the rule on. */
  create(options: never, parts: GuardParts): AnswerFields | undefined;
}

/** All mounts. */
export function everyMount(): boolean {
  return true;
}

/** Mounts whose requests go to an API server. */
export function apiMounts({ isApi }: Mount): boolean {
  return isApi;
}

/** All mounts but the proxy's own metrics and health. */
export function countedMounts({ isCounted }: Mount): boolean {
  return isCounted;
}

/** All mounts but those for kubelets and load balancers. */
export function pagesMounts({ access }: Mount): boolean {
  return access !== 'probe';
}

/** All mounts whose callers are authenticated. */
export function callersMounts({ access }: Mount): boolean {
  return access === 'caller' || access === 'optional';
}
