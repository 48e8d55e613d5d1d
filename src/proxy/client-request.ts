import type { ServerResponse } from 'node:http';
import { originOf } from '../clusters/endpoint.js';
import { hasField } from '../http/header-fields.js';
import type { RequestHead } from '../http/request-head.js';
import { impersonationOf } from '../kubernetes/impersonation.js';
import type { StatusError } from '../kubernetes/status.js';
import type { ConnectionMetrics } from '../observability/metrics/connection-metrics.js';
import type { OpenRequest } from '../request/context.js';
import type { RequestRecord } from '../request/record.js';
import type { MissingRights } from '../reviews/missing-rights.js';
import type { Question } from '../reviews/reviews.js';
import type { ConnectionKind, OutgoingBody, ResponseSink } from '../transport/round-trip.js';
import { UpstreamCall } from '../transport/upstream-call.js';
import type { UpstreamRequest } from '../transport/upstream-request.js';
import type { DocumentPolicy } from './answer-fields.js';
import { ClientWriter, type WriterOwner } from './client-writer.js';
import { clientHeaders } from './headers.js';
import type { OpenStream, OpenStreams, StreamEnd } from './open-streams.js';
import type { Onward, Route, RoutedTrip } from './route.js';
import { requestQuestion, streamQuestions } from './stream-questions.js';

/** What all requests of clients to the API server need. */
export interface ProxyContext extends DocumentPolicy {
  readonly openStreams: OpenStreams;
  /**
   * Whether callers are authenticated. If so, every request acts as its caller, or as a user that it may impersonate, and the caller's
   * credential is never sent to the API server.
   */
  readonly authenticates: boolean;
  readonly missingRights: Pick<MissingRights, 'errorFor'>;
  /** The longest duration of a request that is not long-running, in milliseconds; 0 for no limit. */
  readonly requestTimeout: number;
  readonly connections: ConnectionMetrics;
  /** The first one that takes a plain request answers it. */
  readonly routes: readonly Route[];
  /** TCP keep-alive period of upgraded connections in milliseconds. */
  readonly keepAlive: number;
  /** How long a client's bytes may wait for the API server to read them while nothing else is transferred, in milliseconds. */
  readonly patience: number;
}

/** What only plain requests, or only upgrades, know of a request. */
interface LegFields {
  /** Header fields for the framing of a body, or for an upgrade. */
  readonly headers: readonly string[];
  readonly body?: OutgoingBody | undefined;
  readonly connection: ConnectionKind;
  readonly isRepeatable: boolean;
}

/** Returns the request of a client in the form for the API server, for plain requests and upgrades. */
export function upstreamRequest(
  { authenticates, missingRights }: Pick<ProxyContext, 'authenticates' | 'missingRights'>,
  request: OpenRequest,
  { headers: added, body, connection, isRepeatable }: LegFields,
): UpstreamRequest {
  const { mount, path, raw, head, record, caller, impersonated, endpoint } = request;
  const origin = needsOrigin(head, record) ? originOf(endpoint) : undefined;
  const headers = clientHeaders(head.rawHeaders, {
    dropsCredentials: authenticates,
    requestId: record.origin.requestId,
    auditId: record.ownAuditId,
    traceFields: record.trace?.fields,
    remoteAddress: raw.socket.remoteAddress,
  });
  headers.push(...added);
  if (origin !== undefined) headers.push('Origin', origin);
  const hidesRefusal = authenticates && record.info.subresource !== 'proxy';
  const impersonation = authenticates
    ? caller && (impersonated?.headers ?? impersonationOf(caller))
    : 'configured';
  return {
    method: head.method,
    target: path.forServer.raw,
    isBelowServerPath: mount.appendsServerPath,
    headers,
    // A client may name its own credential in `Connection`, and then it is not sent on.
    bringsAuthorization: hasField(headers, 'authorization'),
    impersonation,
    // Behind a proxy subresource another program may have sent a 401, which its client has to see.
    hidesRefusal,
    missingRight: hidesRefusal ? () => missingRights.errorFor(requestQuestion(request)) : undefined,
    judgedFor: endpoint.identity,
    namesContext: mount.namesContext,
    body,
    connection,
    isRepeatable,
  };
}

/**
 * Whether what is upstream may compare a page's origin with its own host, as Pods and WebSocket servers do. They get the origin that goes with
 * the Host that they see: the guards have judged the page's own.
 */
function needsOrigin(
  { origin, asksForUpgrade, upgradeProtocol }: RequestHead,
  { info }: RequestRecord,
): boolean {
  if (origin === undefined) return false;
  return info.subresource === 'proxy' || (asksForUpgrade && upgradeProtocol.toLowerCase() === 'websocket');
}

/** One request of a client and its answer, plain or with an upgrade: the way on, and what others may do with it while it is open. */
export abstract class ClientRequest<Sink extends ResponseSink>
  implements OpenStream, WriterOwner, Onward<Sink>
{
  readonly request: OpenRequest;
  protected readonly context: ProxyContext;
  protected readonly response: ServerResponse;
  protected readonly writer: ClientWriter;

  constructor(context: ProxyContext, request: OpenRequest) {
    this.context = context;
    this.request = request;
    this.response = request.reply.raw;
    this.writer = new ClientWriter(request, context, this);
  }

  abstract get mayBeEnded(): boolean;
  abstract revoke(end: StreamEnd): void;
  abstract expire(error: StatusError): void;
  abstract endEarly(): void;
  abstract destroy(): void;
  /** Asks a route whether it takes the request. */
  protected abstract offer(route: Route, upstream: UpstreamRequest, sink: Sink): RoutedTrip | undefined;

  get questions(): readonly Question[] {
    return this.writer.trip?.questions ?? streamQuestions(this.request);
  }

  /** Sends the request to the first route that takes it, or else to the API server. The sink may get an error during this call. */
  protected send(upstream: UpstreamRequest, sink: Sink): void {
    this.writer.trip = this.#sendOver(this.context.routes, upstream, sink);
  }

  sendAfter(route: Route, upstream: UpstreamRequest, sink: Sink): RoutedTrip {
    const { routes } = this.context;
    return this.#sendOver(routes.slice(routes.indexOf(route) + 1), upstream, sink);
  }

  #sendOver(routes: readonly Route[], upstream: UpstreamRequest, sink: Sink): RoutedTrip {
    for (const route of routes) {
      const trip = this.offer(route, upstream, sink);
      if (trip !== undefined) return trip;
    }
    return new UpstreamCall(this.request.cluster, upstream, sink, this.request.record).start();
  }

  onOver(): void {
    this.context.openStreams.delete(this);
  }
}
