import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { Rejection } from '../guard/rejection.js';
import { RefusedGroupError } from '../kubernetes/refused-group.js';
import type { Logger } from '../observability/log/logger.js';
import { createRequestLines, type RequestOrigin } from '../observability/log/logger.js';
import type { ClusterMetrics, Metrics } from '../observability/metrics/metrics.js';
import type { Recorder } from '../observability/recorder.js';
import { type RequestLog, RequestRecord, uncounted } from '../observability/request-record.js';
import type { OpenStreams } from '../proxy/open-streams.js';
import type { RequestContext } from '../request/context.js';
import { ReplacedError } from '../transport/access.js';
import { UpstreamError } from '../transport/upstream-error.js';
import type { RefusedGroups } from './refused-groups.js';

/** The parts of the program that requests are counted, logged and recorded with. */
export interface AccountingParts {
  readonly metrics: Metrics;
  readonly openStreams: OpenStreams;
  readonly recorders: readonly Recorder[];
  readonly logger: Logger;
  readonly logRequests: RequestLog['which'];
  readonly refusedGroups: Pick<RefusedGroups, 'add'>;
}

/** Counts, logs and records requests. Each request has a record from its head until its answer or its connection ends. */
export class Accounting {
  readonly #parts: AccountingParts;
  readonly #log: RequestLog;
  /** Of requests that go to no API server. */
  readonly #nowhere: ClusterMetrics;

  constructor(parts: AccountingParts) {
    this.#parts = parts;
    this.#nowhere = parts.metrics.ofCluster('');
    const { logger, logRequests } = parts;
    this.#log = { logger, which: logRequests, write: createRequestLines(logger) };
  }

  /** Opens the record of a request. The record closes when the request ends. */
  begin(request: RequestContext): void {
    const { mount } = request;
    const { info } = request.path;
    const { recorders } = this.#parts;
    const { isCounted } = mount;
    const metrics = this.#metricsOf(request);
    const { cluster } = metrics;
    const origin = originOf(request, cluster);
    const counted = isCounted ? metrics.requestStarted(info) : uncounted;
    const record = new RequestRecord(info, origin, counted, this.#log);
    request.record = record;
    if (recorders.length > 0 && isCounted) {
      const isLong = record.longRunning || request.raw.upgrade === true;
      record.recordings = recorders.map(recorder => recorder.begin(request, info, isLong));
      if (cluster !== undefined) record.annotate('kube-api-proxy/cluster', cluster);
    }
    this.#awaitEnd(request);
  }

  #metricsOf({ mount, cluster }: RequestContext): ClusterMetrics {
    return mount.isApi ? cluster.metrics : this.#nowhere;
  }

  #awaitEnd(request: RequestContext): void {
    const { socket, upgrade } = request.raw;
    const response = request.reply.raw;
    const end = () => {
      if (!request.hasEnded) this.#end(request, socket);
    };
    // For an upgraded connection, only the socket emits an end.
    if (upgrade) socket.on('close', end);
    // Streams of one HTTP/2 connection share its socket, but each has an end of its own.
    else (request.http2?.stream ?? response).on('close', end);
  }

  #end(request: RequestContext, socket: Socket): void {
    const { record, raw, mount } = request;
    const response = request.reply.raw;
    const { http2 } = request;
    request.end();
    // On an HTTP/2 connection, frames and compressed heads are counted too.
    const { received, sent } = passedSince(socket);
    this.#countFailure(request);
    if (response.headersSent) record.code = response.statusCode;
    record.end(http2?.bytesSent ?? sent);
    if (record.isUnauthorized) this.#metricsOf(request).credentials.unauthorized();
    if (mount.isCounted) {
      const { traffic } = this.#parts.metrics;
      traffic.transferred(raw.upgrade ? 'upgrade' : 'plain', received, sent);
      if (record.hadStream) traffic.longRunningEnded(record.endedBy ?? 'error');
    }
    // A server that is closing waits for its connections, and nothing else ends those that are kept alive.
    if (this.#parts.openStreams.ending && http2 === undefined) socket.destroySoon();
  }

  #countFailure(request: RequestContext): void {
    const { record } = request;
    const { failure, origin } = record;
    if (
      failure instanceof Rejection ||
      failure instanceof ReplacedError ||
      failure instanceof RefusedGroupError
    ) {
      this.#metricsOf(request).rejected(failure.reason);
      record.annotate('kube-api-proxy/rejected-by', failure.reason);
      if (failure instanceof RefusedGroupError) this.#parts.refusedGroups.add(failure.group, origin.cluster);
    } else if (failure instanceof UpstreamError) this.#metricsOf(request).upstreamError(failure.reason);
  }
}

function originOf(
  { raw, head, path, clientAddress }: RequestContext,
  cluster: string | undefined,
): RequestOrigin {
  return {
    method: head.method,
    path: loggable(path.forServer.rawPath),
    remoteAddress: raw.socket.remoteAddress,
    clientAddress,
    cluster,
    // The one that the request brings, or a new one.
    requestId: head.requestId?.slice(0, 128) ?? randomUUID(),
    traceparent: head.traceparent?.slice(0, 128),
  };
}

/** The path for logs. A target that is not a path can contain a password (`http://user:password@host/`), and a path can be very long. */
function loggable(rawPath: string): string {
  return rawPath.startsWith('/') ? rawPath.slice(0, 2048) : '';
}

/** Bytes that a connection has transferred. */
interface Passed {
  received: number;
  sent: number;
}

/** The bytes of each connection at the end of its last request. */
const passedBefore = new WeakMap<Socket, Passed>();

/** The bytes that a connection has transferred since the end of its last request. */
function passedSince(socket: Socket): Passed {
  const { bytesRead, bytesWritten } = socket;
  const before = passedBefore.get(socket);
  if (before === undefined) {
    passedBefore.set(socket, { received: bytesRead, sent: bytesWritten });
    return { received: bytesRead, sent: bytesWritten };
  }
  const grown = { received: bytesRead - before.received, sent: bytesWritten - before.sent };
  before.received = bytesRead;
  before.sent = bytesWritten;
  return grown;
}
