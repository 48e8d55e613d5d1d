import type { Endpoint, Session } from '../clusters/endpoint.js';
import { hasField } from '../http/header-fields.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import { StatusError } from '../kubernetes/status.js';
import type { TrafficMetrics } from '../observability/metrics/traffic-metrics.js';
import type { RequestContext } from '../request/context.js';
import type { DocumentPolicy } from './documents.js';
import { outboundHeaders } from './headers.js';
import type { OpenStreams } from './open-streams.js';

/** What all requests to the API server need. */
export interface ProxyContext extends DocumentPolicy {
  readonly openStreams: OpenStreams;
  /**
   * Whether callers are authenticated. If so, every request acts as its caller, and the caller's credential is never sent to the API
   * server.
   */
  readonly authenticates: boolean;
  /** Judges a request again if its endpoint was replaced while it waited. Throws if the request must not be sent to the new endpoint. */
  readonly judgeAgain: (request: RequestContext, endpoint: Endpoint) => void;
  /** The longest duration of a request that is not long-running, in milliseconds; 0 for no limit. */
  readonly requestTimeout: number;
  readonly traffic: TrafficMetrics;
  /** TCP keep-alive period of upgraded connections in milliseconds. */
  readonly keepAlive: number;
  /** How long a client's bytes may wait for the API server to read them while nothing else is transferred, in milliseconds. */
  readonly patience: number;
}

/** The request that is sent to the API server for a client's request, without its body. */
export interface OutboundRequest {
  readonly path: string;
  /** Name, value, name, value, … */
  readonly headers: string[];
}

/** Returns the request for the API server, for plain requests and upgrades. Throws a StatusError if it must not be sent. */
export function outboundRequest(
  { authenticates, judgeAgain }: ProxyContext,
  request: RequestContext,
  { endpoint, host, serverPath, credential, impersonation }: Session,
): OutboundRequest {
  const { mount, target, raw, record, caller } = request;
  if (endpoint !== request.endpoint) judgeAgain(request, endpoint);
  // It would act as the proxy itself, which may be allowed to impersonate anyone.
  if (authenticates && caller === undefined) throw new StatusError(500, 'the caller was not authenticated');
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

/** Whether the client's own credential is sent to the API server. Then a 401 says nothing about the proxy's credential. */
export function bringsAuthorization(
  { authenticates }: Pick<ProxyContext, 'authenticates'>,
  { raw }: Pick<RequestContext, 'raw'>,
): boolean {
  return !authenticates && hasField(raw.rawHeaders, 'authorization');
}

/**
 * Whether a 401 about the proxy's own credential becomes an error: the callers are authenticated, so that they could not have caused it.
 * Behind a proxy subresource another program may have sent the 401, which its client has to see.
 */
export function hidesRefusal(
  { authenticates }: Pick<ProxyContext, 'authenticates'>,
  { record }: Pick<RequestContext, 'record'>,
): boolean {
  return authenticates && record.info.subresource !== 'proxy';
}
