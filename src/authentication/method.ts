import type { IncomingMessage } from 'node:http';
import type { Cluster } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import type { ImpersonationTarget } from '../clusters/impersonation-access.js';
import type { CallerEntry } from '../kubeconfig/types.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { OptionOwner } from '../lib/option.js';
import type { Logger } from '../observability/log/logger.js';
import type { AuthenticationMetrics } from '../observability/metrics/authentication-metrics.js';
import type { BearerToken } from './bearer-token/bearer-token.js';
import type { ClientAuthorities } from './client-certificate/authorities.js';

/**
 * One way to find out who a caller is. The file that it stands in is loaded whether it is on or not, so it imports nothing heavy: `create`
 * loads what only its use needs.
 */
export interface AuthenticationMethod<Options> extends OptionOwner {
  /** Value of the label `method` in the metrics. */
  readonly name: string;
  /** The flag that turns it on, with its dashes. */
  readonly flag: string;
  /** What a 401 says that a caller can do. */
  readonly hint: string;
  /** Whether callers send a secret that whoever reads it can use. */
  readonly sendsSecret: boolean;
  problems?(options: Options): readonly string[];
  isOn(options: Options): boolean;
  /** The user in a kubeconfig for callers. */
  kubeconfigUser(options: Options): CallerEntry;
  /** Reads files, and opens no connection. Collects all problems, one line each. */
  create(
    options: Options,
    parts: MethodParts,
  ): Promise<ActiveMethod | { readonly problems: readonly string[] }>;
}

/** What methods are made with. */
export interface MethodParts {
  readonly metrics: AuthenticationMetrics;
  readonly logger: Logger;
  /** The process's environment: it may name a proxy on the way to an OpenID Connect issuer. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Names and groups that begin with `system:` and are allowed all the same. */
  readonly allowed: ReadonlySet<string>;
  /** Who may issue client certificates now. */
  readonly clientAuthorities: () => ClientAuthorities | undefined;
}

/** A method in use. */
export interface ActiveMethod {
  readonly authenticator: RequestAuthenticator | TokenAuthenticator;
  /** What the proxy's identity must be allowed to impersonate now, beside users and groups. */
  impersonates?(): readonly ImpersonationTarget[];
  /** Its check of readyz. */
  readonly check?: { readonly name: string; readonly check: () => void };
  /** Begins with what goes on in the background; before it nothing is dialled. */
  start?(): void;
  close?(): void;
}

/** Finds out who sends a request by something other than a bearer token (k8s.io/apiserver `authenticator.Request`). */
export interface RequestAuthenticator {
  /** The user; undefined when the request has no credential of this kind. Throws, or rejects, when it has a bad one. */
  authenticateRequest(request: IncomingMessage): UserInfo | undefined | Promise<UserInfo | undefined>;
}

/** Finds out whose a bearer token is (k8s.io/apiserver `authenticator.Token`). */
export interface TokenAuthenticator {
  /**
   * The user; undefined when the token is not for this one to judge. Throws, or rejects: an AuthenticationError for a bad
   * token, an IdentityError for a user who may not act here, a StatusError of 500 and more when nobody can tell.
   */
  authenticateToken(
    token: BearerToken,
    request: AuthenticationRequest,
  ): UserInfo | undefined | Promise<UserInfo | undefined>;
}

/** A request whose caller is to be found. */
export interface AuthenticationRequest {
  readonly raw: IncomingMessage;
  /** Whether its path names a context: strangers must not learn whether there is one of that name. */
  readonly mount: { readonly namesContext: boolean };
  /** Where the request goes. What another cluster says of a caller counts for nothing there. */
  readonly cluster: Cluster;
  /** What the request is judged for: the cluster's endpoint when it came. There is none before `openCluster`. */
  readonly endpoint: Endpoint;
  /** Opens the cluster if this is its first request; rejects with a StatusError of 503. */
  openCluster(): Promise<void> | undefined;
}

/** What impersonation needs for users with a uid. */
export const uidTarget: ImpersonationTarget = { group: 'authentication.k8s.io', resource: 'uids' };
