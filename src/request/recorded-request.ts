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
