import { fieldValue, type RawHeaders } from '../../http/header-fields.js';
import { userOfImpersonation } from '../../kubernetes/impersonation.js';
import { digest } from '../../lib/json.js';
import type { SharedTraces } from '../../observability/recorder.js';
import type { ReviewingCluster } from '../../reviews/access-review.js';
import type { Attributes } from '../../reviews/attributes.js';
import type { Question } from '../../reviews/reviews.js';
import type { Access } from '../../transport/access.js';
import { requireAccess, type UpstreamRequest } from '../../transport/upstream-request.js';
import { AccessUser } from './access-user.js';
import { sharableWatch } from './sharable-watch.js';

/** A client's watch of resources. */
export interface WatchRequest {
  /** The request that is sent if the client gets a watch of its own. */
  readonly own: UpstreamRequest;
  /** Path and query as sent, below the path of the server's URL. */
  readonly path: string;
  readonly query: string;
  /** The client's fields, but without a credential for the proxy. */
  readonly rawHeaders: RawHeaders;
  readonly requestId: string;
  /** For the requests that are sent for all; undefined if nothing traces. */
  readonly traces?: SharedTraces | undefined;
  /** When the client's credential expires, in milliseconds since 1970; undefined if this is not known. */
  readonly expires: number | undefined;
  readonly attributes: Attributes;
  /** Undefined if clients have no credentials. */
  readonly isStillValid: CredentialCheck | undefined;
  /** What says that all users who may watch this get the same answer; undefined if each user has watches of their own. */
  readonly api?: LocalApi | undefined;
}

/** An API that an API server serves itself, as far as the proxy knows: no client may get anything before that is confirmed. */
export interface LocalApi {
  /** Whether the API server says so now. False if it does not answer. Never rejects. */
  confirm(): true | Promise<boolean>;
  /** Whether the API server says so, or has said so within the last 10 s. */
  isLocal(): true | Promise<boolean>;
}

/** A client as whom a watch can be sent. */
export interface Sender {
  /** Impersonate-* fields of its user: name, value, …; `configured` for the user of the access. */
  readonly impersonation: readonly string[] | 'configured';
  readonly requestId: string;
}

/**
 * Whether a client would be let in again, as the user who it was: the same one who acts as the same one. Throws, or rejects, if nobody can
 * say it at this moment.
 */
export type CredentialCheck = () => boolean | Promise<boolean>;

/** The parts of a watch that may differ between the clients that share it. */
export interface ClientWatch {
  /** The client gets the events after this version; undefined if it gets the initial events first, by a stream of its own. */
  readonly version: string | undefined;
  /** Whether the client asked for bookmarks. */
  readonly bookmarks: boolean;
  /** The longest duration in milliseconds; undefined lets the proxy choose. */
  readonly timeout: number | undefined;
  /** When the client's credential expires, in milliseconds since 1970; undefined if this is not known. */
  readonly expires: number | undefined;
  readonly sender: Sender;
  /** Undefined if only watches of the same user share. */
  readonly api: LocalApi | undefined;
  /** The Audit-ID of the client's own request; undefined if it has none. */
  readonly auditId: string | undefined;
}

/** A watch that can be shared. */
export interface WatchToShare extends ClientWatch {
  /**
   * Two watches of one cluster can share if their keys are equal: the same user, or with `api` any user, asks for the same events in the same
   * format.
   */
  readonly key: string;
  /**
   * The request for the watch of all clients, from this version on, as this client's user. Only an access of the same user of the same API
   * server may send it.
   */
  from(version: string): UpstreamRequest;
  readonly traces: SharedTraces | undefined;
  /** Whether the client's user may watch this. */
  readonly question: Question;
}

/**
 * Returns the client's watch in a form that can be shared with clients that ask for the same. Returns undefined if something in the request
 * may change the answer. Throws a ReplacedError if the request must not be sent with this access.
 */
export function watchToShare(
  { own, path, query: asked, rawHeaders, requestId, traces, expires, attributes, api }: WatchRequest,
  access: Access,
  cluster: ReviewingCluster,
): WatchToShare | undefined {
  const { impersonation } = own;
  if (impersonation === undefined) return undefined;
  // The path and the access review below are for the path of the server's URL. Another path may lead to another cluster.
  if (!own.isBelowServerPath && access.serverPath !== '') return undefined;
  const watch = sharableWatch(asked, rawHeaders);
  if (watch === undefined) return undefined;
  requireAccess(own, access);
  const user = AccessUser.of(access);

  // The returned object outlives the request. It must keep nothing else of the request in memory.
  const { query, version, bookmarks, timeout, accept } = watch;
  const sharers = api === undefined ? userOfImpersonation(impersonation) : 'all who may';
  const key = digest([user.key, sharers, path, query, accept]);
  return {
    ...{ key, version, bookmarks, timeout, expires, api, traces },
    auditId: api && fieldValue(own.headers, 'audit-id'),
    sender: { impersonation, requestId },
    from(continued) {
      const fields = `resourceVersion=${continued}&allowWatchBookmarks=true`;
      return {
        method: 'GET',
        target: `${path}?${query === '' ? fields : `${query}&${fields}`}`,
        isBelowServerPath: true,
        headers: ['User-Agent', 'kube-api-proxy', 'X-Request-Id', requestId, 'Accept', accept],
        ...{ impersonation, user },
        bringsAuthorization: false,
        // A 401 ends the watch, and each client gets the answer to a request of its own.
        hidesRefusal: false,
        connection: 'shared',
        isRepeatable: true,
      };
    },
    question: { cluster, as: impersonation, attributes, access: { user, judgedFor: access.endpoint } },
  };
}

/** Equal for two clients of the same user. */
export function senderKey({ impersonation }: Sender): string {
  return digest([userOfImpersonation(impersonation)]);
}
