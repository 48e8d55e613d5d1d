import type { RequestInfo } from '../kubernetes/request-info.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { createRequestLines, Logger, RequestLineFields, RequestOrigin } from './log/logger.js';
import type { RequestMetrics } from './metrics/request-metrics.js';
import type { EndReason } from './metrics/traffic-metrics.js';
import type { Recording } from './recorder.js';

/** Which requests have a line in the log (`errors`: those that failed or ended with 4xx or 5xx), and where the lines go. */
export interface RequestLog {
  readonly logger: Logger;
  readonly which: 'all' | 'errors' | 'none';
  /** Writes the lines of requests that have not failed, to the logger's destination. */
  readonly write: ReturnType<typeof createRequestLines>;
}

/** One request from its head to its last byte: writes its log lines, its metrics, and what recorders write of it. */
export class RequestRecord {
  readonly info: RequestInfo;
  /** Whether the API server would call the request long-running. */
  readonly longRunning: boolean;
  readonly origin: RequestOrigin;
  readonly #metrics: RequestMetrics;
  readonly #log: RequestLog;
  readonly #startedAt = performance.now();
  /** The HTTP status code of the answer; 0 while there is none. */
  code = 0;
  /** The caller's name; undefined if it is not known. */
  user: string | undefined;
  /** The name of the user that the caller acts as; undefined if it acts under its own name. */
  impersonatedUser: string | undefined;
  /** The request's Audit-ID, from the API server's answer. */
  auditId: string | undefined;
  /** What recorders write of the request; undefined without recorders, and for requests that are not counted. */
  recordings: readonly Recording[] | undefined;
  /** Why the answer is not the API server's own, or is incomplete. */
  failure: Error | undefined;
  /** Whether the API server has answered 401 to the proxy's own credential. */
  isUnauthorized = false;
  /** Who ended the request; the first value counts. */
  endedBy: EndReason | undefined;

  constructor(info: RequestInfo, origin: RequestOrigin, metrics: RequestMetrics, log: RequestLog) {
    this.info = info;
    this.origin = origin;
    this.#metrics = metrics;
    this.longRunning = info.isLongRunning;
    this.#log = log;
  }

  /** Whether the request was long-running and was answered: a refusal is no stream that may end. */
  get hadStream(): boolean {
    return this.longRunning && isSuccess(this.code);
  }

  /** The guards have let the request pass. */
  received(): void {
    for (const recording of this.recordings ?? []) recording.received();
  }

  /** The request was sent to the API server as this user; undefined without impersonation. */
  sentAs(user: UserInfo | undefined): void {
    for (const recording of this.recordings ?? []) recording.sentAs(user);
  }

  annotate(key: string, value: string): void {
    for (const recording of this.recordings ?? []) recording.annotate(key, value);
  }

  /** The API server has answered, with this status code and Audit-Id. */
  answeredUpstream(code: number, auditId: string | undefined): void {
    this.auditId = auditId;
    // An API server with CORS answers OPTIONS with success for every path.
    if (isSuccess(code) && this.origin.method !== 'OPTIONS') this.#metrics.succeeded();
  }

  /** The head of a long-running request's answer was sent. The line is written now, because the request may end days later. */
  opened(code: number): void {
    this.code = code;
    for (const recording of this.recordings ?? []) recording.started(code);
    const { logger, which, write } = this.#log;
    if (which === 'all' && logger.isLevelEnabled('info')) write('info', this.#fields(), 'request open');
  }

  /**
   * Counts the request and writes its line. Call this once: when the last byte was written or the client has gone.
   *
   * @param bytes Written to the client's connection for this request, including heads and framing.
   */
  end(bytes: number): void {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#metrics.finished(this.code, seconds);
    for (const recording of this.recordings ?? []) recording.completed(this.code, this.failure);
    const { logger, write } = this.#log;
    const level = this.#level();
    if (level === undefined || !logger.isLevelEnabled(level)) return;
    const fields = this.#fields(bytes, Math.round(seconds * 1e6) / 1e3);
    if (this.failure === undefined) write(level, fields, 'request');
    else logger[level]({ ...fields, err: this.failure }, 'request');
  }

  /**
   * A rejected request is not the proxy's fault, so its line is no warning. Probes and scrapes of the proxy itself are only logged at level
   * debug.
   */
  #level(): 'debug' | 'info' | 'warn' | undefined {
    const { which } = this.#log;
    const isError = this.failure !== undefined || this.code >= 400;
    if (which === 'none' || (which === 'errors' && !isError)) return undefined;
    const refused = this.code >= 400 && this.code < 500;
    if (this.failure !== undefined && !refused) return 'warn';
    return this.#metrics === uncounted ? 'debug' : 'info';
  }

  #fields(bytes?: number, durationMs?: number): RequestLineFields {
    const { info, origin } = this;
    return {
      method: origin.method,
      path: origin.path,
      remoteAddress: origin.remoteAddress,
      clientAddress: origin.clientAddress,
      cluster: origin.cluster,
      user: this.user,
      impersonatedUser: this.impersonatedUser,
      requestId: origin.requestId,
      traceparent: origin.traceparent,
      verb: info.verb,
      apiGroup: info.apiGroup || undefined,
      version: info.apiVersion || undefined,
      resource: info.resource || undefined,
      subresource: info.subresource || undefined,
      namespace: info.namespace || undefined,
      resourceName: info.name || undefined,
      code: this.code,
      auditId: this.auditId,
      bytes,
      durationMs,
      endedBy: bytes !== undefined && this.longRunning ? this.endedBy : undefined,
    };
  }
}

/** Whether what the request is about exists: 2xx, or 101 for an upgrade. For names that a client made up, the API server answers 403 or 404. */
function isSuccess(code: number): boolean {
  return code === 101 || (code >= 200 && code < 300);
}

/** For requests to the proxy's own endpoints, which the metrics do not count. */
export const uncounted: RequestMetrics = {
  succeeded: () => {},
  finished: () => {},
};
