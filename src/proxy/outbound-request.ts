import type { Endpoint, Session } from '../clusters/endpoint.js';
import { hasField } from '../http/header-fields.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import { StatusError } from '../kubernetes/status.js';
import type { TrafficMetrics } from '../observability/metrics/traffic-metrics.js';
import type { RequestContext } from '../request/context.js';
import { outboundHeaders } from './headers.js';
import type { OpenStreams } from './open-streams.js';

/** What all requests to the API server have in common. */
export interface ProxyContext {
  readonly openStreams: OpenStreams;
  /** Whether callers are authenticated: every request then acts as its caller, and none of their credentials goes upstream. */
  readonly authenticates: boolean;
  /** Judges a request again if its endpoint was replaced by this one while it waited; throws if it must not be sent there. */
  readonly judgeAgain: (request: RequestContext, endpoint: Endpoint) => void;
  /** Milliseconds that a request may take that is not long-running; 0 for no limit. */
  readonly requestTimeout: number;
  readonly traffic: TrafficMetrics;
  /** TCP keep-alive period of upgraded connections in milliseconds. */
  readonly keepAlive: number;
  /** Milliseconds that a client's bytes may wait for the API server to read them, while nothing else passes. */
  readonly patience: number;
}

/** What is sent upstream for one client request, besides its body. */
export interface OutboundRequest {
  readonly path: string;
  /** Name, value, name, value, … */
  readonly headers: string[];
}

/** The request as the API server gets it, on either leg; throws a StatusError for one that must not be sent. */
export function outboundRequest(
  { authenticates, judgeAgain }: ProxyContext,
  request: RequestContext,
  { endpoint, host, serverPath, credential, impersonation }: Session,
): OutboundRequest {
  const { mount, target, raw, record, caller } = request;
  if (endpoint !== request.endpoint) judgeAgain(request, endpoint);
  // It would act as the proxy itself, which may impersonate anybody.
  if (authenticates && caller === undefined) throw new StatusError(500, 'nobody has asked who the caller is');
  const headers = outboundHeaders(raw.rawHeaders, {
    host,
    authorization: credential.authorization,
    dropsCredentials: authenticates,
    impersonation: caller === undefined ? impersonation : impersonationOf(caller),
    requestId: record.origin.requestId,
    auditId: record.audit?.id,
    remoteAddress: raw.socket.remoteAddress,
  });
  record.audit?.sent(headers);
  return { path: mount.appendsServerPath ? serverPath + target.raw : target.raw, headers };
}

/** Whether it is the client's own credential that goes upstream, so that a 401 says nothing of ours. */
export function bringsAuthorization(
  { authenticates }: Pick<ProxyContext, 'authenticates'>,
  { raw }: Pick<RequestContext, 'raw'>,
): boolean {
  return !authenticates && hasField(raw.rawHeaders, 'authorization');
}
