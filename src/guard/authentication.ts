import type { Authentication } from '../authentication/authentication.js';
import { IdentityError, type IdentityOptions } from '../authentication/identity.js';
import { flagsOf, type OptionFacts } from '../authentication/method.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { RequestContext } from '../request/context.js';
import type { RequestPath } from '../request/request-path.js';
import { type Check, callersMounts, type Guard, type GuardParts } from './guard.js';
import { Rejection } from './rejection.js';

/** The caller is known. */
export const authentication = {
  name: 'authentication',
  stage: 'caller',
  options: {},
  reasons: ['unauthenticated', 'identity'],
  judges: callersMounts,

  problems(
    { acceptGroup, serviceAccountsByName }: IdentityOptions,
    _given: unknown,
    { methods, methodsOn }: OptionFacts,
  ) {
    if (methodsOn.length > 0) return [];
    const needs = `needs a method of authentication (${flagsOf(methods)}): it is about`;
    return [
      ...(acceptGroup.length > 0 ? [`--accept-group ${needs} the groups of callers`] : []),
      ...(serviceAccountsByName ? [`--service-accounts-by-name ${needs} callers`] : []),
    ];
  },

  create(_options: object, { authentication }: GuardParts): Check | undefined {
    return authentication && createAuthenticationCheck(authentication);
  },
} as const satisfies Guard;

const challenge = { 'WWW-Authenticate': 'Bearer realm="kube-api-proxy"' };

/**
 * Finds out who sends a request, and sets its `caller`. The caller may remain undefined where a credential is optional. Throws, or rejects
 * with, a Rejection: 401 without a valid credential, 403 for a user who may not act here. Another StatusError means that the method itself
 * failed.
 */
function createAuthenticationCheck(
  authentication: Authentication,
): (request: RequestContext) => void | Promise<void> {
  const message = `Unauthorized: this proxy takes no request without a credential that it knows; ${authentication.hints.join(', or ')}`;
  const toRejection = (error: unknown): Error => {
    if (error instanceof IdentityError) return new Rejection(403, 'identity', error.message);
    if (error instanceof StatusError && error.code >= 500) return error;
    // What is wrong with the credential is only logged: a client that guesses learns nothing from the answer.
    return new Rejection(401, 'unauthenticated', message, { headers: challenge, cause: error });
  };
  const accept = (user: UserInfo | undefined, request: RequestContext) => {
    if (user === undefined) return;
    acceptCaller(request, user);
    authentication.strangers.known(request.raw);
  };
  return request => {
    let found: UserInfo | undefined | Promise<UserInfo | undefined>;
    try {
      found =
        request.mount.access === 'optional'
          ? authentication.identify(request)
          : authentication.authenticate(request);
    } catch (error) {
      throw toRejection(error);
    }
    if (!(found instanceof Promise)) {
      accept(found, request);
      return;
    }
    return found.then(
      user => accept(user, request),
      error => {
        throw toRejection(error);
      },
    );
  };
}

function acceptCaller(request: RequestContext, user: UserInfo): void {
  if (request.mount.isApi) rejectOtherServer(request.path);
  request.caller = user;
  request.record.user = user.username;
  if (user.leftOut !== undefined) {
    request.record.annotate('kube-api-proxy/left-out-groups', JSON.stringify(user.leftOut));
  }
}

/**
 * Rejects a path that is neither the path of the server's URL nor below it. It may lead to another API server behind the same host. That one
 * has not said who the caller is, or whom the caller may impersonate.
 */
function rejectOtherServer({ api, forServer, serverPath }: RequestPath): void {
  if (api !== undefined || forServer.rawPath === serverPath) return;
  throw new Rejection(
    403,
    'identity',
    'callers may only use the API server at the path of its URL: begin with that path, or run the proxy with --append-server-path',
  );
}
