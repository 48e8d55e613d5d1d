import type { IncomingMessage } from 'node:http';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type {
  AuthenticationMethod,
  AuthenticationMetrics,
} from '../observability/metrics/authentication-metrics.js';
import { AuthenticationError } from './authentication-error.js';
import type { Authenticator } from './authenticator.js';
import { type BearerToken, readBearerToken } from './bearer-token/bearer-token.js';
import type { TokenAuthenticator } from './bearer-token/token-authenticator.js';

/** The ways to find out, in the order in which they are asked: the API server's. */
export interface AuthenticationMethods {
  /** Client certificates, whose users have been admitted. */
  readonly certificates?: Authenticator | undefined;
  readonly tokens: readonly TokenAuthenticator[];
}

/** Finds out who sends a request, by the first method that knows its credential; counts each attempt once. */
export class Authentication implements Authenticator {
  readonly #certificates: Authenticator | undefined;
  readonly #tokens: readonly TokenAuthenticator[];
  readonly #metrics: Pick<AuthenticationMetrics, 'attempted'>;

  constructor(
    { certificates, tokens }: AuthenticationMethods,
    metrics: Pick<AuthenticationMetrics, 'attempted'>,
  ) {
    this.#certificates = certificates;
    this.#tokens = tokens;
    this.#metrics = metrics;
  }

  get takesTokens(): boolean {
    return this.#tokens.length > 0;
  }

  get takesCertificates(): boolean {
    return this.#certificates !== undefined;
  }

  /**
   * The user, at once where nobody has to be asked. Throws, or rejects: an IdentityError for a user who may not act here, a
   * StatusError of 500 and more when nobody can tell, another error without a good credential.
   */
  authenticate(request: IncomingMessage): UserInfo | Promise<UserInfo> {
    if (this.#certificates === undefined) return this.#authenticateToken(request);
    let found: UserInfo | undefined | Promise<UserInfo | undefined>;
    try {
      found = this.#certificates.authenticate(request);
    } catch (error) {
      return this.#authenticateWithout(error, request);
    }
    if (found instanceof Promise) {
      return found.then(
        user => this.#certified(user, request),
        error => this.#authenticateWithout(error, request),
      );
    }
    return this.#certified(found, request);
  }

  #certified(user: UserInfo | undefined, request: IncomingMessage): UserInfo | Promise<UserInfo> {
    return user === undefined
      ? this.#authenticateToken(request)
      : this.#succeeded('client_certificate', user);
  }

  /** A certificate that is not good for anything takes nothing from a token beside it, such as one that a browser presents everywhere. */
  #authenticateWithout(error: unknown, request: IncomingMessage): UserInfo | Promise<UserInfo> {
    const failure = this.#failed('client_certificate', error);
    if (!(failure instanceof StatusError) && this.#readToken(request) !== undefined) {
      return this.#authenticateToken(request);
    }
    throw failure;
  }

  #authenticateToken(request: IncomingMessage): UserInfo | Promise<UserInfo> {
    const token = this.#readToken(request);
    if (token === undefined) throw this.#failed('none', new AuthenticationError('no credential'));
    return this.#ask(token, 0);
  }

  #readToken(request: IncomingMessage): BearerToken | undefined {
    try {
      return readBearerToken(request);
    } catch (error) {
      throw this.#failed('none', error);
    }
  }

  #ask(token: BearerToken, from: number): UserInfo | Promise<UserInfo> {
    for (let index = from; index < this.#tokens.length; index++) {
      const authenticator = this.#tokens[index] as TokenAuthenticator;
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
