import { impersonatedUser } from '../kubernetes/impersonation.js';
import { StatusError } from '../kubernetes/status.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import { type Access, type AccessConditions, ReplacedError } from './access.js';
import type { ConnectionKind, OutgoingBody, OutgoingRequest } from './round-trip.js';

/**
 * A request for an API server that is complete but for the way: it has no host, no server path and no credential of the proxy. These come
 * from the access, so that the request can wait for one, and be sent again with another one.
 */
export interface UpstreamRequest extends AccessConditions {
  readonly method: string;
  /** Path and query, below the path of the server's URL if `isBelowServerPath`. */
  readonly target: string;
  readonly isBelowServerPath: boolean;
  /** Name, value, name, value, …; includes the framing fields of the body. */
  readonly headers: readonly string[];
  /** Whether `headers` has the client's own credential. A 401 then says nothing about the proxy's credential. */
  readonly bringsAuthorization: boolean;
  /**
   * Impersonate-* fields of the user who sends the request: name, value, …; `configured` for those of the access; undefined if the caller
   * should be known and is not.
   */
  readonly impersonation: readonly string[] | 'configured' | undefined;
  /**
   * Whether a refusal of the proxy itself becomes an error: a 401 about its credential, and a 403 because it may not impersonate a group.
   * Callers who have authenticated to the proxy would take it for a refusal of their own credential, or look for rights of their own.
   */
  readonly hidesRefusal: boolean;
  /** Finds the right that the proxy lacks when the API server names one of constrained impersonation. Never rejects. */
  readonly missingRight?: (() => Promise<Error | undefined>) | undefined;
  /** The body of a repeatable request can be sent again. */
  readonly body?: OutgoingBody | undefined;
  readonly connection: ConnectionKind;
  /** Whether the request may reach the API server twice. */
  readonly isRepeatable: boolean;
}

/** Throws a ReplacedError if a request with these conditions must not use this access. */
export function requireAccess({ judgedFor, namesContext, user }: AccessConditions, access: Access): void {
  const { endpoint } = access;
  const isSame =
    judgedFor === undefined ||
    (endpoint.server === judgedFor.server &&
      endpoint.impersonation === judgedFor.impersonation &&
      (!namesContext || endpoint.context === judgedFor.context));
  if (!isSame || user?.isUserOf(access) === false) throw new ReplacedError();
}

/**
 * Adds what comes from the access: the host, the server's path, the credential and the configured impersonation. Throws a StatusError for a
 * request without a caller where callers are authenticated: it would act as the proxy itself, which may be allowed to impersonate anyone.
 * Throws a TypeError for a request that cannot be expressed in HTTP.
 */
export function outgoingRequest(request: UpstreamRequest, access: Access): OutgoingRequest {
  const { method, target, isBelowServerPath, bringsAuthorization, impersonation, body } = request;
  if (impersonation === undefined) throw new StatusError(500, 'the caller was not authenticated');
  const { authorization } = access.credential;
  const fields = access.outbound?.({ ...request, impersonation }) ?? request.headers;
  const headers = ['Host', access.host, ...fields];
  if (!bringsAuthorization && authorization !== undefined) headers.push('Authorization', authorization);
  headers.push(...(impersonation === 'configured' ? access.impersonation : impersonation));
  const path = isBelowServerPath ? access.serverPath + target : target;
  const outgoing = { method, path, headers, body };
  refuseIllegal(outgoing);
  return outgoing;
}

/**
 * Characters that a field value must not contain (RFC 9110, section 5.5). They would end the field, or become another character when
 * written as a byte.
 */
const illegalValue = /[^\t\x20-\x7e\x80-\xff]/;
const illegalTarget = /[^\x21-\x7e\x80-\xff]/;

/** Throws a TypeError for a request that cannot be expressed in HTTP. */
function refuseIllegal({ path, headers }: OutgoingRequest): void {
  if (illegalTarget.test(path)) throw new TypeError('the request target cannot be sent');
  for (let index = 0; index < headers.length; index += 2) {
    if (illegalValue.test(headers[index + 1] as string)) {
      throw new TypeError(`the value of ${headers[index]} cannot be sent`);
    }
  }
}

/** What an observer may know of a request: nothing that is secret. */
export class SentRequest {
  /** `host:port` of the API server. */
  readonly host: string;
  readonly #headers: readonly string[];

  constructor(host: string, headers: readonly string[]) {
    this.host = host;
    this.#headers = headers;
  }

  /** The user that the request impersonates, as the API server reads it; undefined without impersonation. */
  get user(): UserInfo | undefined {
    return impersonatedUser(this.#headers);
  }
}
