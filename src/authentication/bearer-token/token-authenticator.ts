import type { UserInfo } from '../../kubernetes/user-info.js';
import type { AuthenticationMethod } from '../../observability/metrics/authentication-metrics.js';
import type { BearerToken } from './bearer-token.js';

/** One way to find out whose a bearer token is (k8s.io/apiserver `authenticator.Token`). */
export interface TokenAuthenticator {
  readonly method: AuthenticationMethod;
  /**
   * The user; undefined when the token is not for this one to judge. Throws, or rejects: an AuthenticationError for a bad
   * token, an IdentityError for a user who may not act here, a StatusError of 500 and more when nobody can tell.
   */
  authenticate(token: BearerToken): UserInfo | undefined | Promise<UserInfo | undefined>;
}
