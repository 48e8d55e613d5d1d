import type { UserInfo } from '../kubernetes/user-info.js';
import { admitUser, type IdentityRules } from './identity.js';
import type { RequestAuthenticator } from './method.js';

/** An authenticator that admits the users it finds. Each `UserInfo` is checked once. Throws as `admitUser` does. */
export function admitUsersOf(
  authenticator: RequestAuthenticator,
  rules: IdentityRules,
): RequestAuthenticator {
  const admitted = new WeakMap<UserInfo, UserInfo>();
  const admit = (user: UserInfo | undefined): UserInfo | undefined => {
    if (user === undefined) return undefined;
    let known = admitted.get(user);
    if (known === undefined) {
      known = admitUser(user, rules);
      admitted.set(user, known);
    }
    return known;
  };
  return {
    authenticateRequest(request) {
      const found = authenticator.authenticateRequest(request);
      return found instanceof Promise ? found.then(admit) : admit(found);
    },
  };
}
