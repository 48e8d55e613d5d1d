import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { TrafficMetrics } from '../observability/traffic-metrics.js';
import type { Upstream, UpstreamSession } from '../upstream/upstream.js';
import { outboundHeaders } from './headers.js';
import type { OpenStreams } from './open-streams.js';

/** What every exchange with the API server has in common. */
export interface ProxyContext {
  readonly upstream: Upstream;
  readonly openStreams: OpenStreams;
  /** Puts the path of the kubeconfig's server URL before every path. */
  readonly appendServerPath: boolean;
  /** Milliseconds that a request may take that is not long-running; 0 for no limit. */
  readonly requestTimeout: number;
  readonly traffic: TrafficMetrics;
  /** TCP keep-alive period of upgraded connections in milliseconds. */
  readonly keepAlive: number;
}

/** What is sent upstream for one client request, besides its body. */
export interface OutboundRequest {
  readonly path: string;
  /** Name, value, name, value, … */
  readonly headers: string[];
}

/** The request as the API server gets it, on either leg. */
export function outboundRequest(
  { appendServerPath }: ProxyContext,
  { target, raw, record }: FastifyRequest,
  { host, serverPath, credential, impersonation }: UpstreamSession,
): OutboundRequest {
  const headers = outboundHeaders(raw.rawHeaders, {
    host,
    authorization: credential.authorization,
    impersonation,
    requestId: record.origin.requestId,
    auditId: record.audit?.id,
    remoteAddress: raw.socket.remoteAddress,
  });
  record.audit?.sent(headers);
  return { path: appendServerPath ? serverPath + target.raw : target.raw, headers };
}

/** Whether the client authenticates itself, so that a 401 says nothing of our credential. */
export function bringsAuthorization(request: IncomingMessage): boolean {
  return request.headers.authorization !== undefined;
}
