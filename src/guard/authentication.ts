import type { Authentication } from '../authentication/authentication.js';
import { IdentityError } from '../authentication/identity.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { RequestContext } from '../request/context.js';
import { Refusal } from './refusal.js';

const challenge = { 'WWW-Authenticate': 'Bearer realm="kube-api-proxy"' };

/**
 * Asks every request who sends it, and keeps the answer in `caller`. Throws, or rejects, with a Refusal: 401 without a good
 * credential, 403 for who may not act here; and with another StatusError when nobody can tell.
 */
export function createAuthenticationGuard(
  authentication: Authentication,
): (request: RequestContext) => void | Promise<void> {
  const message = `Unauthorized: this proxy takes no request without a credential that it knows; ${authentication.hints.join(', or ')}`;
  const toRefusal = (error: unknown): Error => {
    if (error instanceof IdentityError) return new Refusal(403, 'identity', error.message);
    if (error instanceof StatusError && error.code >= 500) return error;
    // What the credential lacks stays in the log; a client that guesses learns nothing of it.
    return new Refusal(401, 'unauthenticated', message, { headers: challenge, cause: error });
  };
  return request => {
    let found: UserInfo | Promise<UserInfo>;
    try {
      found = authentication.authenticate(request);
    } catch (error) {
      throw toRefusal(error);
    }
    if (!(found instanceof Promise)) {
      accept(request, found);
      return;
    }
    return found.then(
      user => accept(request, user),
      error => {
        throw toRefusal(error);
      },
    );
  };
}

function accept(request: RequestContext, user: UserInfo): void {
  request.caller = user;
  request.record.user = user.username;
}
