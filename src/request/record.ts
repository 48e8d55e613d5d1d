import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { RequestInfo } from '../kubernetes/request-info.js';
import { type FailureObserver, StatusError } from '../kubernetes/status.js';
import { copyOf } from '../lib/copy-of.js';
import type { LineFields } from '../observability/log/logger.js';
import type { ClusterMetrics } from '../observability/metrics/metrics.js';
import {
  isSuccess,
  type RequestSeries,
  type ServedRequest,
} from '../observability/metrics/request-metrics.js';
import type { Recording, RequestTrace } from '../observability/recorder.js';
import type { CallObserver } from '../transport/upstream-call.js';
import type { SentRequest } from '../transport/upstream-request.js';
import type { BegunRequest, EndReason, RecordParts, Revocation } from './recorded-request.js';

const none: readonly Recording[] = [];

/**
 * One request from its head to its last byte, or until its connection ends: writes its metrics, its log lines, and what recorders write of it.
 * It is told what happens to the request's call of the API server.
 */
export class RequestRecord implements CallObserver, FailureObserver, ServedRequest {
  readonly info: RequestInfo;
  /** Whether the API server would call the request long-running. */
  readonly longRunning: boolean;
  /** What its lines say from the start. */
  readonly origin: ReturnType<typeof originOf>;
  readonly #parts: RecordParts;
  readonly #metrics: ClusterMetrics;
  /** Undefined for requests to the proxy's own endpoints, which are not counted. */
  readonly #series: RequestSeries | undefined;
  readonly #response: ServerResponse;
  readonly #http2: BegunRequest['http2'];
  readonly isUpgrade: boolean;
  firstByteAfter: number | undefined;
  hasSucceeded = false;
  readonly #startedAt = performance.now();
  readonly #onEnd: (() => void)[] = [];
  /** Whether the request has ended: its answer was sent, or its client has gone. */
  hasEnded = false;
  /** The HTTP status code of the answer; 0 while there is none. */
  code = 0;
  /** The caller's name; undefined if it is not known. */
  user: string | undefined;
  /** The name of the user that the caller acts as; undefined if it acts under its own name. */
  impersonatedUser: string | undefined;
  /** Whether the answer shows only a part of what the API server has. */
  isFiltered = false;
  /** The request's Audit-ID, from the API server's answer. */
  auditId: string | undefined;
  /** What recorders write of the request; none of requests that are not counted. */
  readonly recordings: readonly Recording[] = none;
  /** The Audit-ID that a recorder has given or taken over. */
  readonly ownAuditId: string | undefined;
  /** Its place in a trace; undefined without a recorder that traces. */
  readonly trace: RequestTrace | undefined;
  readonly phases: CallObserver['phases'];
  /** The authorizer that has denied it, before the API server; undefined if none has. */
  deniedBy: string | undefined;
  /** Why the answer is not the API server's own, or is incomplete. */
  failure: Error | undefined;
  /** Who ended the request; the first value counts. */
  endedBy: EndReason | undefined;
  isRevoked = false;

  constructor(request: BegunRequest, parts: RecordParts) {
    const { raw, mount, path, cluster, reply, http2 } = request;
    const { info } = path;
    this.#parts = parts;
    this.#metrics = mount.isApi ? cluster.metrics : parts.nowhere;
    this.#response = reply.raw;
    this.#http2 = http2;
    this.isUpgrade = raw.upgrade === true;
    this.info = info;
    this.longRunning = info.isLongRunning;
    this.origin = originOf(request, this.#metrics.cluster);
    if (mount.isCounted) {
      this.#series = this.#metrics.requestStarted(info);
      if (parts.recorders.length > 0) {
        const isLong = this.longRunning || this.isUpgrade;
        const recordings = parts.recorders.map(recorder => recorder.begin(request, info, isLong));
        this.recordings = recordings;
        this.ownAuditId = recordings.find(({ auditId }) => auditId !== undefined)?.auditId;
        this.trace = recordings.find(({ trace }) => trace !== undefined)?.trace;
        this.phases = this.trace?.phases;
        const { cluster } = this.origin;
        if (cluster !== undefined) this.annotate('kube-api-proxy/cluster', cluster);
      }
    }
    const { socket } = raw;
    const end = () => {
      if (!this.hasEnded) this.#end(socket);
    };
    // For an upgraded connection, only the socket emits an end.
    if (this.isUpgrade) socket.on('close', end);
    // Streams of one HTTP/2 connection share its socket, but each has an end of its own.
    else (http2?.stream ?? reply.raw).on('close', end);
  }

  /** Calls back when the request ends, or immediately if it has ended. */
  onEnd(callback: () => void): void {
    if (this.hasEnded) callback();
    else this.#onEnd.push(callback);
  }

  /**
   * Undefined without recorders: nothing else needs to know which user the request was sent as. With a function that the constructor made in
   * its place, V8 freed hardly anything of a request before it looked at all memory: 40 MB more, and longer pauses.
   */
  get sent(): CallObserver['sent'] {
    return this.recordings.length === 0 ? undefined : this.#sentAs;
  }

  #sentAs({ user, host }: SentRequest): void {
    for (const recording of this.recordings) recording.sentAs(user, host);
  }

  annotate(key: string, value: string): void {
    for (const recording of this.recordings) recording.annotate(key, value);
  }

  #annotateTrace(): void {
    const ids = this.trace?.ids;
    if (ids !== undefined) this.annotate('kube-api-proxy/trace-id', ids.trace);
  }

  firstByte(milliseconds: number): void {
    this.firstByteAfter = milliseconds;
  }

  unauthorized(): void {
    // Behind a proxy subresource another program may have sent the 401.
    if (this.info.subresource !== 'proxy') this.#metrics.credentials.unauthorized();
  }

  /** The API server has answered, with this status code and Audit-Id. */
  answeredUpstream(code: number, auditId: string | undefined): void {
    // A part of the head would keep the whole head, for as long as the request.
    this.auditId = this.longRunning && auditId !== undefined ? copyOf(auditId, 128) : auditId;
    for (const recording of this.recordings) recording.answered?.(code, this.auditId);
    // An API server with CORS answers OPTIONS with success for every path.
    this.hasSucceeded = isSuccess(code) && this.origin.method !== 'OPTIONS';
  }

  /** The head of a long-running request's answer was sent. The line is written now, because the request may end days later. */
  opened(code: number): void {
    this.code = code;
    this.#series?.opened(this);
    this.firstByteAfter = undefined;
    this.#annotateTrace();
    for (const recording of this.recordings) recording.started(code);
    const { logger, logRequests, writeLine } = this.#parts;
    if (logRequests === 'all' && logger.isLevelEnabled('info'))
      writeLine('info', 'request open', this.origin, this.#fields());
  }

  rejected(reason: string): void {
    this.#metrics.rejected(reason);
    this.annotate('kube-api-proxy/rejected-by', reason);
  }

  /** An authorizer of this name has denied it. */
  denied(by: string): void {
    this.deniedBy = by;
    this.annotate('kube-api-proxy/denied-by', by);
  }

  /** The proxy itself ends the request. */
  endWith(reason: Revocation): void {
    if (this.endedBy !== undefined) return;
    this.endedBy = reason;
    this.isRevoked = true;
    this.annotate('kube-api-proxy/ended-by', reason);
  }

  failedUpstream(reason: string): void {
    this.#metrics.upstreamError(reason);
  }

  refusedGroup(group: string): void {
    this.#parts.refusedGroups.add(group, this.origin.cluster);
  }

  #end(socket: Socket): void {
    this.hasEnded = true;
    for (const callback of this.#onEnd) callback();
    const { failure } = this;
    if (this.#response.headersSent) this.code = this.#response.statusCode;
    // On an HTTP/2 connection, frames and compressed heads are counted too.
    const { received, sent } = passedBytes(socket);
    passedBefore.set(socket, { received: socket.bytesRead, sent: socket.bytesWritten });
    const seconds = (performance.now() - this.#startedAt) / 1000;
    if (failure instanceof StatusError) failure.count(this);
    this.#annotateTrace();
    for (const recording of this.recordings) recording.completed(this.code, failure);
    this.#log(this.#http2?.bytesSent ?? sent, seconds);
    this.#series?.ended(this, seconds, received, sent);
    // A server that is closing waits for its connections, and nothing else ends those that are kept alive.
    if (this.#parts.isClosing && this.#http2 === undefined) socket.destroySoon();
  }

  #log(bytes: number, seconds: number): void {
    const { logger, writeLine } = this.#parts;
    const level = this.#level();
    if (level === undefined || !logger.isLevelEnabled(level)) return;
    const fields = this.#fields(bytes, Math.round(seconds * 1e6) / 1e3);
    writeLine(level, 'request', this.origin, fields, this.failure);
  }

  /**
   * A rejected request is not the proxy's fault, so its line is no warning. Probes and scrapes of the proxy itself are only logged at level
   * debug.
   */
  #level(): 'debug' | 'info' | 'warn' | undefined {
    const { logRequests } = this.#parts;
    const isError = this.failure !== undefined || this.code >= 400;
    if (logRequests === 'none' || (logRequests === 'errors' && !isError)) return undefined;
    const refused = this.code >= 400 && this.code < 500;
    if (this.failure !== undefined && !refused) return 'warn';
    return this.#series === undefined ? 'debug' : 'info';
  }

  get #saysWhoEnded(): boolean {
    return this.longRunning || this.isUpgrade || this.isRevoked;
  }

  /** @param bytes Written to the client's connection for this request, including heads and framing. */
  #fields(bytes?: number, durationMs?: number): LineFields {
    const { info } = this;
    return {
      user: this.user,
      impersonatedUser: this.impersonatedUser,
      deniedBy: this.deniedBy,
      verb: info.verb,
      apiGroup: info.apiGroup || undefined,
      version: info.apiVersion || undefined,
      resource: info.resource || undefined,
      subresource: info.subresource || undefined,
      namespace: info.namespace || undefined,
      // Not `name`: tools that print pino's lines take that for the logger's name.
      resourceName: info.name || undefined,
      code: this.code,
      filtered: this.isFiltered || undefined,
      auditId: this.auditId,
      // OpenTelemetry's names in a log.
      trace_id: this.trace?.ids?.trace,
      span_id: this.trace?.ids?.span,
      bytes,
      durationMs,
      endedBy: bytes !== undefined && this.#saysWhoEnded ? this.endedBy : undefined,
    };
  }
}

function originOf(
  { raw, head, path, clientAddress }: BegunRequest,
  /** Name of the context; undefined if only one cluster is served, and for a request that goes to no cluster. */
  cluster: string | undefined,
) {
  const { rawPath } = path.forServer;
  return {
    method: head.method,
    // Without the query, which may contain a token. A target that is not a path can contain a password (`http://user:password@host/`), and
    // a path can be very long.
    path: rawPath.startsWith('/') ? rawPath.slice(0, 2048) : '',
    remoteAddress: raw.socket.remoteAddress,
    clientAddress,
    cluster,
    // The one that the request brings, or a new one.
    requestId: head.requestId ?? randomUUID(),
    traceparent: head.traceparent,
  };
}

/** The bytes of each connection at the end of its last request. */
const passedBefore = new WeakMap<Socket, { readonly received: number; readonly sent: number }>();

/** The bytes that a connection has transferred since the end of its last request. */
export function passedBytes(socket: Socket): { readonly received: number; readonly sent: number } {
  const before = passedBefore.get(socket) ?? { received: 0, sent: 0 };
  return { received: socket.bytesRead - before.received, sent: socket.bytesWritten - before.sent };
}
