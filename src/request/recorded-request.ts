import type { ServerResponse } from 'node:http';
import type { Cluster } from '../clusters/cluster.js';
import type { Http2Answer } from '../http/http2-answer.js';
import type { RequestHead } from '../http/request-head.js';
import type { createRequestLines, Logger } from '../observability/log/logger.js';
import type { ClusterMetrics } from '../observability/metrics/metrics.js';
import type { RecordedRequest, Recorder } from '../observability/recorder.js';
import type { Mount } from './mount.js';
import type { RequestPath } from './request-path.js';

/** What the records of a server are written with. */
export interface RecordParts {
  /** Metrics of requests that go to no API server. */
  readonly nowhere: ClusterMetrics;
  readonly recorders: readonly Recorder[];
  readonly logger: Pick<Logger, 'isLevelEnabled'>;
  /** Which requests have a line in the log; `errors`: those that failed or ended with 4xx or 5xx. */
  readonly logRequests: 'all' | 'errors' | 'none';
  /** Writes the lines to the logger's destination. */
  readonly writeLine: ReturnType<typeof createRequestLines>;
  /** Remembers the groups of callers that API servers refuse. */
  readonly refusedGroups: { add(group: string, cluster: string | undefined): void };
  /** Whether the server is closing: then the connection of a request ends with it. */
  isClosing: boolean;
}

/** What is recorded of a request from its start. */
export interface BegunRequest extends RecordedRequest {
  readonly head: Pick<RequestHead, 'method' | 'requestId' | 'traceparent'>;
  readonly mount: Pick<Mount, 'isApi' | 'isCounted'>;
  readonly path: Pick<RequestPath, 'received' | 'forServer' | 'info'>;
  readonly cluster: Pick<Cluster, 'metrics'>;
  readonly reply: { readonly raw: ServerResponse };
  readonly http2: Pick<Http2Answer, 'stream' | 'bytesSent'> | undefined;
}

/**
 * Why the proxy itself ended a request: the caller's credential has expired, nobody knows the caller any longer, the caller may no longer do
 * it, it is not known for too long whether the caller may, an operator has ended it, or its cluster is no longer served.
 */
const revocations = ['expiry', 'caller', 'access', 'unknown', 'operator', 'cluster'] as const;
export type Revocation = (typeof revocations)[number];

/** Who or what ended a request. */
export const endReasons = ['client', 'upstream', 'shutdown', 'error', ...revocations] as const;
export type EndReason = (typeof endReasons)[number];
