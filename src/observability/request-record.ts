import type { RequestInfo } from '../kubernetes/request-info.js';
import type { Logger } from './logger.js';
import type { RequestMetrics } from './metrics.js';

/** What a request's log line says besides what its record knows. */
export interface RequestLine {
  readonly method: string;
  /** Path as sent, without its query, which may hold a token. */
  readonly path: string;
  readonly remoteAddress: string | undefined;
  /** Bytes written to the client's connection for this request, heads and framing included. */
  readonly bytes: number;
}

/** The course of one request from its head to its last byte: one log line and its metrics come of it. */
export class RequestRecord {
  readonly info: RequestInfo;
  readonly #metrics: RequestMetrics;
  readonly #startedAt = performance.now();
  #code = 0;
  /** Why the answer is not the API server's own, or not whole. */
  failure: Error | undefined;
  /** Called when the request is over, whether its answer is out or the client has gone. */
  onEnd: (() => void) | undefined;

  constructor(info: RequestInfo, metrics: RequestMetrics) {
    this.info = info;
    this.#metrics = metrics;
  }

  /** Whether the API server would call the request long-running. */
  get longRunning(): boolean {
    return this.#metrics.longRunning;
  }

  /** The HTTP status code that goes to the client; 0 until then. */
  answered(code: number): void {
    this.#code = code;
  }

  /** Counts the request and writes its line; called once, when the last byte is out or the client has gone. */
  end(logger: Logger, line: RequestLine): void {
    this.onEnd?.();
    const seconds = (performance.now() - this.#startedAt) / 1000;
    this.#metrics.finished(this.#code, seconds);
    const level = this.#level();
    if (!logger.isLevelEnabled(level)) return;
    logger[level](
      {
        ...line,
        ...describe(this.info),
        code: this.#code,
        durationMs: Math.round(seconds * 1e6) / 1e3,
        ...(this.failure === undefined ? {} : { err: this.failure }),
      },
      'request',
    );
  }

  /** A refusal is the client's matter and a line among others; probes and scrapes of the proxy itself are no news at all. */
  #level(): 'debug' | 'info' | 'warn' {
    const refused = this.#code >= 400 && this.#code < 500;
    if (this.failure !== undefined && !refused) return 'warn';
    return this.#metrics === uncounted ? 'debug' : 'info';
  }
}

/** Requests for the proxy's own endpoints are not counted among those to the API server. */
export const uncounted: RequestMetrics = { longRunning: false, finished: () => {} };

/** The fields of RequestInfo that say something about this request. */
function describe(info: RequestInfo): Record<string, string> {
  if (!info.isResourceRequest) return { verb: info.verb };
  const fields: Record<string, string> = {
    verb: info.verb,
    version: info.apiVersion,
    resource: info.resource,
  };
  for (const key of ['apiGroup', 'subresource', 'namespace', 'name'] as const) {
    if (info[key] !== '') fields[key] = info[key];
  }
  return fields;
}
