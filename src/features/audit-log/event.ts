import { isIP } from 'node:net';
import { forwardedFor } from '../../http/forwarded-for.js';
import { fieldValue, type RawHeaders } from '../../http/header-fields.js';
import { utf8Text } from '../../http/percent-encoding.js';
import type { RequestInfo } from '../../kubernetes/request-info.js';
import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { copyOf } from '../../lib/copy-of.js';

/** The stage of a request at which an event was made. */
export type AuditStage = 'RequestReceived' | 'ResponseStarted' | 'ResponseComplete';

/** `Event` of audit.k8s.io/v1 at level Metadata, with its fields in the same order. */
export interface AuditEvent {
  readonly kind: 'Event';
  readonly apiVersion: 'audit.k8s.io/v1';
  readonly level: 'Metadata';
  readonly auditID: string;
  readonly stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: AuditUser;
  readonly impersonatedUser: AuditUser | undefined;
  readonly sourceIPs: readonly string[] | undefined;
  readonly userAgent: string | undefined;
  readonly objectRef: ReturnType<typeof objectReference>;
  readonly responseStatus: ReturnType<typeof responseStatus> | undefined;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations: Readonly<Record<string, string>> | undefined;
}

/** `UserInfo` of authentication.k8s.io/v1 as JSON; empty without authentication. */
export interface AuditUser {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The user in the form of an event. */
export function auditUser(user: UserInfo | undefined): AuditUser {
  if (user === undefined) return {};
  const { username, uid, groups, extra } = user;
  return {
    username,
    ...(uid === undefined || uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(extra.size === 0 ? {} : { extra: Object.fromEntries(extra) }),
  };
}

/** The object of a resource request; undefined for other paths. */
export function objectReference(info: RequestInfo) {
  if (!info.isResourceRequest) return undefined;
  return {
    resource: info.resource || undefined,
    namespace: info.namespace || undefined,
    name: info.name || undefined,
    apiGroup: info.apiGroup || undefined,
    apiVersion: info.apiVersion || undefined,
    subresource: info.subresource || undefined,
  };
}

/**
 * How a request ended, with the fields of `metav1.Status` that the API server's own events have.
 *
 * @param code HTTP status code that the client got; 0 if it got none.
 * @param failure Why the answer is not the API server's own, or is incomplete.
 */
export function responseStatus(code: number, failure: Error | undefined) {
  if (code === 0) {
    return { metadata: {}, status: 'Failure', message: 'the connection ended before there was an answer' };
  }
  if (failure === undefined) return { metadata: {}, code };
  if (!(failure instanceof StatusError)) {
    return {
      metadata: {},
      status: 'Failure',
      message: 'the connection ended before the answer was complete',
      code,
    };
  }
  const { message, reason } = failure.toStatus();
  return { metadata: {}, status: 'Failure', message, ...(reason === '' ? {} : { reason }), code };
}

/**
 * The addresses that a request comes from, in the API server's order (apimachinery `net.SourceIPs`): the last ones of X-Forwarded-For,
 * X-Real-Ip, the peer. A client controls the headers, but the last address is always the peer's. A peer on a Unix socket has no address;
 * then the result is undefined. They are cut if X-Forwarded-For had more.
 */
export function sourceIPs(rawHeaders: RawHeaders, remoteAddress: string | undefined) {
  const peer = ipOf(remoteAddress);
  if (peer === undefined) return undefined;
  const { list = '', isCut = false } = forwardedFor(rawHeaders) ?? {};
  const addresses = list
    .split(',')
    .map(ipOf)
    .filter(address => address !== undefined);
  const real = ipOf(fieldValue(rawHeaders, 'x-real-ip'));
  if (real !== undefined && !addresses.includes(real)) addresses.push(copyOf(real, real.length));
  if (addresses.at(-1) !== peer) addresses.push(peer);
  return { addresses, areCut: isCut };
}

/** The address without spaces and without the IPv6 form of an IPv4 address; undefined if the string is not an address. */
function ipOf(text: string | undefined): string | undefined {
  const address = (text ?? '').trim();
  // This is faster than isIP for a list that contains only commas.
  if (address === '' || isIP(address) === 0) return undefined;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** The Audit-IDs that the proxy accepts from clients. */
const auditId = /^[\w.:-]{1,128}$/;

/** The request's own Audit-ID, from a client or another proxy, if it is acceptable. The API server uses the same ID. */
export function ownAuditId(rawHeaders: RawHeaders): string | undefined {
  const value = fieldValue(rawHeaders, 'audit-id');
  return value !== undefined && auditId.test(value) ? copyOf(value, value.length) : undefined;
}

/** Bytes. */
const maxUserAgent = 1024;

/** The User-Agent, cut to the length at which the API server cuts it. */
export function auditUserAgent(rawHeaders: RawHeaders): string | undefined {
  const userAgent = fieldValue(rawHeaders, 'user-agent');
  if (userAgent === undefined || userAgent === '') return undefined;
  const isLong = userAgent.length > maxUserAgent;
  return utf8Text(isLong ? `${userAgent.slice(0, maxUserAgent)}...TRUNCATED` : userAgent);
}
