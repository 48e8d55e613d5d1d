import { checkIdentity, type IdentityOptions } from '../authentication/identity.js';
import { flagsOf, type OptionFacts } from '../authentication/method.js';
import { hasImpersonationHeader } from '../kubernetes/impersonation.js';
import { RefusedGroupError } from '../kubernetes/refused-group.js';
import { requestedUser as readRequestedUser } from '../kubernetes/requested-user.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { OpenRequest } from '../request/context.js';
import { attributesOf } from '../reviews/attributes.js';
import { ForbiddenError } from '../reviews/forbidden.js';
import { permitUser } from '../reviews/impersonation-reviews.js';
import { apiMounts, type Guard, type GuardParts, type OpenCheck } from './guard.js';
import { Rejection } from './rejection.js';

/** A caller acts as another user only if the API server lets the caller impersonate that one: `kubectl --as`. */
export const requestedUser = {
  name: 'requested user',
  stage: 'user',
  options: {},
  reasons: ['impersonation', 'bad_request'],
  judges: apiMounts,

  problems({ allowImpersonation }: IdentityOptions, _given: unknown, { methods, methodsOn }: OptionFacts) {
    if (!allowImpersonation || methodsOn.length > 0) return [];
    return [
      `--allow-impersonation needs a method of authentication (${flagsOf(methods)}): it is about what each caller may do`,
    ];
  },

  create(
    { allowImpersonation, allowSystemIdentities }: IdentityOptions,
    { authentication, constrainedImpersonation, metrics, reviews }: GuardParts,
  ): OpenCheck | undefined {
    if (!allowImpersonation || authentication === undefined) return undefined;
    const rules = { allowed: new Set(allowSystemIdentities), serviceAccounts: true };
    const { impersonated } = metrics.authentication;

    const judge = async (request: OpenRequest): Promise<void> => {
      const { cluster, endpoint, mount } = request;
      // Where it is not known, the reviews say what is wrong.
      const hasConstrained = await constrainedImpersonation
        .isThere(cluster, endpoint.identity)
        .catch(() => false);
      const requested = readRequestedUser(request.head.rawHeaders, hasConstrained);
      if (requested === undefined) return;
      checkIdentity(requested.user, rules);
      const caller = request.caller as UserInfo;
      const wish = attributesOf(request.path.info, request.path.forServer.query);
      const { user, headers } = requested;
      const { phases } = request.record;
      const by = await permitUser(reviews, { caller, cluster, endpoint, mount, phases }, requested, wish);
      request.impersonated = { user, headers, by };
      request.record.impersonatedUser = user.username;
      impersonated('allowed');
    };
    return request =>
      hasImpersonationHeader(request.head.rawHeaders)
        ? judge(request).catch((error: Error) => {
            const isRefusal = isOfCaller(error);
            impersonated(isRefusal ? 'refused' : 'error');
            if (!isRefusal) throw error;
            if (error instanceof ForbiddenError && error.deniedBy !== undefined) {
              request.record.denied(error.deniedBy);
            }
            const reason = error.code === 400 ? 'bad_request' : 'impersonation';
            throw new Rejection(error.code, reason, error.message);
          })
        : undefined;
  },
} as const satisfies Guard;

/** Whether the caller is refused, and not the proxy. */
function isOfCaller(error: Error): error is StatusError {
  return error instanceof StatusError && error.code < 500 && !(error instanceof RefusedGroupError);
}
