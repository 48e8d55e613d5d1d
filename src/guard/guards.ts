import { authentication } from './authentication.js';
import { claimedIdentity } from './claimed-identity.js';
import { cors, preflight } from './cors.js';
import { crossSite } from './cross-site.js';
import { filter } from './filter.js';
import type { AnswerRule, Check, Guard } from './guard.js';
import { host } from './host.js';
import { impersonation } from './impersonation.js';
import { limits } from './limits.js';
import { message } from './message.js';
import { namespaces } from './namespaces.js';
import { origin } from './origin.js';
import { proxiedPage } from './proxied-page.js';
import { readOnly } from './read-only.js';
import { requestedUser } from './requested-user.js';
import { resources } from './resources.js';

/**
 * The configuration of a context is read when the first request to it comes this far. A request that was rejected before does not cause
 * that.
 */
const openCluster = {
  name: 'open cluster',
  options: {},
  reasons: [],
  judges: ({ namesContext }) => namesContext,
  create: (): Check => request => (request.endpoint === undefined ? request.openCluster() : undefined),
} as const satisfies Guard;

/**
 * The order in which every request is judged, plain or with an upgrade. A new rule needs only an entry here: its flags, their rows in
 * --help and flags.md, and its reasons in the metrics come from its file.
 */
export const guards = [
  // Does the message have only one reading?
  message,
  // Does it come from a web page that may not use the proxy?
  host,
  preflight,
  crossSite,
  // Who sends it?
  claimedIdentity,
  authentication,
  // May a web page send it? That depends on the path below a context, which only callers may learn.
  origin,
  // Is there room for it?
  limits,
  // May it do what it asks for?
  filter,
  openCluster,
  impersonation,
  readOnly,
  namespaces,
  resources,
  // May it act as the user that it names? Only the API server knows.
  requestedUser,
] as const satisfies readonly Guard[];

/** Header fields that answers get for browsers, in this order, before a request is judged. */
export const answerRules = [cors, proxiedPage] as const satisfies readonly AnswerRule[];

/** Every reason that a guard gives, once. */
export const rejectionReasons: readonly string[] = [...new Set(guards.flatMap(({ reasons }) => reasons))];
