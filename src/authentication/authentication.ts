import type { IncomingMessage } from 'node:http';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { AuthenticationMethod, AuthenticationMetrics } from '../observability/authentication-metrics.js';
import { AuthenticationError } from './authentication-error.js';
import { type BearerToken, readBearerToken } from './bearer-token.js';
import type { TokenAuthenticator } from './token-authenticator.js';

/** Finds out who sends a request, by the first method that knows its credential; counts each attempt once. */
export class Authentication {
  readonly #methods: readonly TokenAuthenticator[];
  readonly #metrics: AuthenticationMetrics;

  /** @param methods In the order in which they are asked. */
  constructor(methods: readonly TokenAuthenticator[], metrics: AuthenticationMetrics) {
    this.#methods = methods;
    this.#metrics = metrics;
  }

  /**
   * The user, at once where nobody has to be asked. Throws, or rejects: an AuthenticationError without a good credential, an
   * IdentityError for a user who may not act here, a StatusError of 500 and more when nobody can tell.
   */
  authenticate(request: IncomingMessage): UserInfo | Promise<UserInfo> {
    let token: BearerToken | undefined;
    try {
      token = readBearerToken(request);
    } catch (error) {
      throw this.#failed('none', error);
    }
    if (token === undefined) throw this.#failed('none', new AuthenticationError('no credential'));
    return this.#ask(token, 0);
  }

  #ask(token: BearerToken, from: number): UserInfo | Promise<UserInfo> {
    for (let index = from; index < this.#methods.length; index++) {
      const authenticator = this.#methods[index] as TokenAuthenticator;
      const { method } = authenticator;
      let found: UserInfo | undefined | Promise<UserInfo | undefined>;
      try {
        found = authenticator.authenticate(token);
      } catch (error) {
        throw this.#failed(method, error);
      }
      if (found instanceof Promise) {
        return found.then(
          user => (user === undefined ? this.#ask(token, index + 1) : this.#succeeded(method, user)),
          error => {
            throw this.#failed(method, error);
          },
        );
      }
      if (found !== undefined) return this.#succeeded(method, found);
    }
    throw this.#failed('none', new AuthenticationError('no method knows the bearer token'));
  }

  #succeeded(method: AuthenticationMethod, user: UserInfo): UserInfo {
    this.#metrics.attempted(method, 'success');
    return user;
  }

  #failed(method: AuthenticationMethod, error: unknown): unknown {
    const nobodyCanTell = error instanceof StatusError && error.code >= 500;
    this.#metrics.attempted(method, nobodyCanTell ? 'error' : 'failure');
    return error;
  }
}
