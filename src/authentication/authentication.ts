import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { AuthenticationMetrics } from '../observability/metrics/authentication-metrics.js';
import type { ImpersonationTarget } from '../reviews/own-rights.js';
import { type BearerToken, readBearerToken } from './bearer-token.js';
import { AuthenticationError, type IdentityOptions, UndecidedError } from './identity.js';
import {
  type ActiveMethod,
  type AuthenticationMethod,
  type AuthenticationRequest,
  uidTarget,
} from './method.js';
import { Strangers } from './strangers.js';

/** The parts of a method that authentication uses: its name in the metrics, its hint in a 401, its authenticator and its rechecker. */
export type AskedMethod = Pick<AuthenticationMethod<never>, 'name' | 'hint'> &
  Pick<ActiveMethod, 'authenticator' | 'rechecker'>;

/** The metrics that authentication writes. */
export type CallerMetrics = Pick<AuthenticationMetrics, 'attempted' | 'strangerReset'>;

/** Finds out who sends a request. The first method that knows the credential decides. Each attempt is counted once. */
export class Authentication {
  readonly #methods: readonly AskedMethod[];
  readonly #metrics: CallerMetrics;
  #rechecking: Authentication | undefined;
  /** The requests whose caller is not known. */
  readonly strangers: Strangers;

  /** @param methods In the order in which they are tried. */
  constructor(methods: readonly AskedMethod[], metrics: CallerMetrics) {
    this.#methods = methods;
    this.#metrics = metrics;
    this.strangers = new Strangers(metrics.strangerReset);
  }

  /** What a caller without a valid credential can do. Tokens come first, because every client can send them. */
  get hints(): readonly string[] {
    return [...new Set(this.#methods.map(({ hint }) => hint))].reverse();
  }

  /**
   * The user; a promise only if another server has to be asked. Throws, or rejects with: an IdentityError for a user who may not act here;
   * a StatusError of 500 or more if the credential could not be checked; another error if there is no valid credential.
   */
  authenticate(request: AuthenticationRequest): UserInfo | Promise<UserInfo> {
    const found = this.identify(request);
    return found instanceof Promise ? found.then(this.#required) : this.#required(found);
  }

  /** Like `authenticate`, but undefined for a request without any credential. */
  identify(request: AuthenticationRequest): UserInfo | undefined | Promise<UserInfo | undefined> {
    return this.#ask(request, 0);
  }

  /**
   * The user of a credential that was valid when its request was let in. No method answers from what it has been told before. Errors as for
   * `authenticate`; nothing is counted, because nobody sends a request.
   */
  recheck(request: AuthenticationRequest): UserInfo | Promise<UserInfo> {
    this.#rechecking ??= new Authentication(
      this.#methods.map(method => ({ ...method, authenticator: method.rechecker })),
      { attempted() {}, strangerReset() {} },
    );
    return this.#rechecking.authenticate(request);
  }

  readonly #required = (user: UserInfo | undefined): UserInfo => {
    if (user === undefined) throw this.#failed('none', new AuthenticationError('no credential'));
    return user;
  };

  /** @param token The token of the request, if it has been read already. */
  #ask(
    request: AuthenticationRequest,
    from: number,
    token?: BearerToken,
  ): UserInfo | undefined | Promise<UserInfo | undefined> {
    for (let index = from; index < this.#methods.length; index++) {
      const method = this.#methods[index] as AskedMethod;
      const { authenticator } = method;
      const takesTokens = 'authenticateToken' in authenticator;
      if (takesTokens) {
        token ??= this.#readToken(request);
        if (token === undefined) continue;
      }
      let found: UserInfo | undefined | Promise<UserInfo | undefined>;
      try {
        found = takesTokens
          ? authenticator.authenticateToken(token as BearerToken, request)
          : authenticator.authenticateRequest(request.raw);
      } catch (error) {
        return this.#askOthers(error, request, index);
      }
      if (found instanceof Promise) {
        return found.then(
          user =>
            user === undefined
              ? this.#ask(request, index + 1, token)
              : this.#succeeded(request, method, user),
          error => this.#askOthers(error, request, index),
        );
      }
      if (found !== undefined) return this.#succeeded(request, method, found);
    }
    token ??= this.#readToken(request);
    if (token === undefined && request.head.authorization === undefined) return undefined;
    throw this.#failed('none', new AuthenticationError('no method knows the credential'));
  }

  /**
   * If the credential is invalid but no bearer token (such as a certificate that a browser presents everywhere), a token sent with it is
   * tried. Throws the error otherwise.
   */
  #askOthers(
    error: unknown,
    request: AuthenticationRequest,
    index: number,
  ): UserInfo | undefined | Promise<UserInfo | undefined> {
    const { name, authenticator } = this.#methods[index] as AskedMethod;
    const failure = this.#failed(name, error);
    const isFinal = 'authenticateToken' in authenticator || failure instanceof StatusError;
    const token = isFinal ? undefined : this.#readToken(request);
    if (token === undefined) throw failure;
    return this.#ask(request, index + 1, token);
  }

  #readToken(request: AuthenticationRequest): BearerToken | undefined {
    try {
      return readBearerToken(request);
    } catch (error) {
      throw this.#failed('none', error);
    }
  }

  #succeeded(request: AuthenticationRequest, { name, authenticator }: AskedMethod, user: UserInfo): UserInfo {
    request.isByToken = 'authenticateToken' in authenticator;
    this.#metrics.attempted(name, 'success');
    return user;
  }

  #failed(method: string, error: unknown): unknown {
    const nobodyCanTell =
      error instanceof UndecidedError || (error instanceof StatusError && error.code >= 500);
    this.#metrics.attempted(method, nobodyCanTell ? 'error' : 'failure');
    return error;
  }
}

/** A method that the options turn on, and what it was made as. */
export type UsedMethod = AuthenticationMethod<never> & ActiveMethod;

const userTargets: readonly ImpersonationTarget[] = ['users', 'groups'].map(resource => ({
  group: '',
  resource,
}));

/**
 * Puts the methods together.
 *
 * @param methods In the order in which they are tried.
 */
export function configureAuthentication(
  { allowImpersonation }: Pick<IdentityOptions, 'allowImpersonation'>,
  methods: readonly UsedMethod[],
  metrics: CallerMetrics,
) {
  return {
    authentication: new Authentication(methods, metrics),
    /** What the proxy's identity must be allowed to impersonate, for all users that can be authenticated, and those that they may name. */
    impersonated: () => [
      ...new Set([
        ...userTargets,
        ...(allowImpersonation ? [uidTarget] : []),
        ...methods.flatMap(method => method.impersonates?.() ?? []),
      ]),
    ],
    /** The checks for readyz: none where a method always works, because then callers of that one must be served. */
    checks: methods.every(({ check }) => check !== undefined)
      ? methods.flatMap(({ check }) => check ?? [])
      : [],
    /** The OpenID Connect issuers whose tokens callers may use now. */
    issuers: () => methods.flatMap(method => method.issuers?.() ?? []),
    /** The users in a kubeconfig for callers. */
    kubeconfigUsers: () => methods.flatMap(method => method.kubeconfigUsers()),
  };
}
