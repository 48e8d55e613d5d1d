import type { Credential } from '../credentials/credential.js';
import { type FailureObserver, StatusError } from '../kubernetes/status.js';
import type { Pool } from './round-trip.js';

/** What a request needs on its way to its API server. A call keeps its access to its end, even if the configuration changes meanwhile. */
export interface Access {
  readonly endpoint: EndpointIdentity;
  /** `host:port` of the API server, as in its URL: the value of the Host header, and the name in messages. */
  readonly host: string;
  /** Path of the server's URL, without a trailing slash; empty if it has none. */
  readonly serverPath: string;
  readonly credential: Credential;
  /** What may be sent with it; undefined if everything may. */
  readonly outbound?: OutboundRule | undefined;
  /** Impersonate-* fields that the kubeconfig or the flags ask for: name, value, …; empty if there are none. */
  readonly impersonation: readonly string[];
  readonly pool: Pool;
}

/** A request as a rule about what may be sent reads it: see `UpstreamRequest`. */
export interface OutboundRequest {
  readonly headers: readonly string[];
  readonly bringsAuthorization: boolean;
  readonly impersonation: readonly string[] | 'configured';
}

/** The header fields of a request that may be sent to an API server. Throws a StatusError for a request that must not be sent there. */
export type OutboundRule = (request: OutboundRequest) => readonly string[];

/**
 * What the guards have judged a request for. It stays the same for another token or certificate of the same user of the kubeconfig. Each
 * text is equal for two endpoints that are the same in this respect.
 */
export interface EndpointIdentity {
  /** The address of the API server, how its certificate is verified, and the proxy on the way: what connections depend on. */
  readonly connections: string;
  /** The same, with the path of the server's URL. */
  readonly server: string;
  /** The configured impersonation. */
  readonly impersonation: string;
  /** Name of the kubeconfig's context. */
  readonly context: string;
}

/** Where calls get their access. A cluster is one. */
export interface AccessSource {
  /** The access for a request now, if it is valid until another one takes its place; undefined if `access` has to say it. */
  readonly current?: Access | undefined;
  /** The access for a request now; a promise only while there is no credential. The promise rejects with the reason. */
  access(): Access | Promise<Access>;
  /**
   * The API server answered 401 to a request with this access. Resolves to one with another credential, or to undefined if there is none.
   * Never rejects.
   */
  refused(access: Access): Promise<Access | undefined>;
}

/** The user of an access at the API server, for requests that must be sent as this user alone. */
export interface UserIdentity {
  /** Whether an access has this user. */
  isUserOf(access: Access): boolean;
}

/** What an access must be like for a request. */
export interface AccessConditions {
  /** The endpoint that the request was judged for; undefined for a request of the proxy's own. */
  readonly judgedFor?: EndpointIdentity | undefined;
  /** Whether the request's path names the context, so that the context must be the same too. */
  readonly namesContext?: boolean | undefined;
  readonly user?: UserIdentity | undefined;
}

/** The value of `reason` in the metric of rejected requests. */
export const replacedReason = 'replaced';

/**
 * A 503: while a request waited, another API server, or another user of it, took the place of the one that the request was judged for.
 * Kubernetes clients send such a request again by themselves (client-go, `rest.WithRetry`).
 */
export class ReplacedError extends StatusError {
  readonly reason = replacedReason;

  constructor() {
    super(503, 'the API server was replaced by another one while the request waited; try again', {
      retryAfterSeconds: 1,
    });
  }

  override count(observer: FailureObserver): void {
    observer.rejected(this.reason);
  }
}
