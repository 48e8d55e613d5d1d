import { randomUUID } from 'node:crypto';
import type { RequestInfo } from '../../kubernetes/request-info.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { RecordedRequest, Recording } from '../../observability/recorder.js';
import { microTime } from '../common/micro-time.js';
import {
  type AuditEvent,
  type AuditStage,
  type AuditUser,
  auditUser,
  auditUserAgent,
  objectReference,
  ownAuditId,
  responseStatus,
  sourceIPs,
} from './event.js';
import type { AuditLog } from './log.js';
import { loggableUri } from './request-uri.js';

/** Writes the events of one request: when it is over; if it is long-running, also when it came and when its answer began. */
export class RequestAudit implements Recording {
  /** The ID in all events of the request. The API server uses it in its own events too. */
  readonly auditId: string;
  readonly #log: Pick<AuditLog, 'begin' | 'append'>;
  readonly #request: RecordedRequest;
  readonly #info: RequestInfo;
  readonly #longRunning: boolean;
  readonly #receivedAt = microTime();
  #uri: string | undefined;
  #isReceived = false;
  #impersonated: UserInfo | undefined;
  #annotations: Record<string, string> | undefined;
  readonly #remoteAddress: string | undefined;
  #sourceIPs: readonly string[] | undefined;

  constructor(
    request: RecordedRequest,
    info: RequestInfo,
    { longRunning, log }: { longRunning: boolean; log: Pick<AuditLog, 'begin' | 'append'> },
  ) {
    const { rawHeaders, socket } = request.raw;
    this.auditId = ownAuditId(rawHeaders) ?? randomUUID();
    this.#log = log;
    log.begin();
    this.#request = request;
    this.#info = info;
    this.#longRunning = longRunning;
    // A connection that has ended no longer has its peer's address.
    this.#remoteAddress = socket.remoteAddress;
  }

  /**
   * Call this when the caller is known, or when there is no authentication. The first call writes the first event of a long-running
   * request; later calls do nothing.
   */
  received(): void {
    if (this.#isReceived || !this.#longRunning) return;
    this.#isReceived = true;
    this.#log.append(this.#event('RequestReceived', this.#receivedAt));
  }

  sentAs(user: UserInfo | undefined): void {
    this.#impersonated = user;
  }

  /** Adds an annotation to the events that follow. */
  annotate(key: string, value: string): void {
    this.#annotations = { ...this.#annotations, [key]: value };
  }

  started(code: number): void {
    this.received();
    this.#log.append(this.#event('ResponseStarted', microTime(), code));
  }

  completed(code: number, failure: Error | undefined): void {
    this.received();
    this.#log.append(this.#event('ResponseComplete', microTime(), code, failure));
  }

  /** Reads what all events say. Not before the first one: that of a stranger comes when the request ends, and until then nothing is held. */
  #begin(): string {
    const { raw, path, clientAddress } = this.#request;
    const { addresses, areCut = false } = sourceIPs(raw.rawHeaders, this.#remoteAddress) ?? {};
    this.#sourceIPs = addresses;
    if (clientAddress !== undefined) this.annotate('kube-api-proxy/client-address', clientAddress);
    else if (addresses !== undefined && addresses.length > 1) {
      this.annotate('kube-api-proxy/unverified-source-ips', 'true');
    }
    if (areCut) this.annotate('kube-api-proxy/omitted-source-ips', 'true');
    return loggableUri(path.received.raw);
  }

  /** All events have the same properties. JSON leaves out those that are undefined. */
  #event(stage: AuditStage, time: number, code?: number, failure?: Error): AuditEvent {
    const { raw, caller } = this.#request;
    const user = auditUser(caller);
    this.#uri ??= this.#begin();
    return {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: this.auditId,
      stage,
      requestURI: this.#uri,
      verb: this.#info.verb,
      user,
      impersonatedUser: impersonatedBy(user, this.#impersonated),
      sourceIPs: this.#sourceIPs,
      userAgent: auditUserAgent(raw.rawHeaders),
      objectRef: objectReference(this.#info),
      responseStatus: code === undefined ? undefined : responseStatus(code, failure),
      requestReceivedTimestamp: formatMicroTime(this.#receivedAt),
      stageTimestamp: formatMicroTime(time),
      annotations: this.#annotations,
    };
  }
}

/** The impersonated user, if it is not the caller itself. */
function impersonatedBy(user: AuditUser, impersonated: UserInfo | undefined): AuditUser | undefined {
  if (impersonated === undefined) return undefined;
  const acting = auditUser(impersonated);
  return JSON.stringify(acting) === JSON.stringify(user) ? undefined : acting;
}

/** The time in the form of `metav1.MicroTime`: RFC 3339 in UTC with six digits after the second. */
export function formatMicroTime(time: number): string {
  const microseconds = Math.floor(time * 1000);
  const digits = String(microseconds % 1000).padStart(3, '0');
  return `${new Date(Math.floor(microseconds / 1000)).toISOString().slice(0, -1)}${digits}Z`;
}
