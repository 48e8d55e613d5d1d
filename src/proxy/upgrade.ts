import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Cluster } from '../clusters/cluster.js';
import { fieldValue } from '../http/header-fields.js';
import { StatusError } from '../kubernetes/status.js';
import { spdyFrames } from '../lib/frames.js';
import type { OpenRequest } from '../request/context.js';
import type { EndReason } from '../request/recorded-request.js';
import {
  type BodySink,
  LaggingError,
  type ResponseSink,
  type SwitchedResponse,
  type SwitchedSocket,
} from '../transport/round-trip.js';
import { UpstreamError } from '../transport/upstream-error.js';
import type { UpstreamRequest } from '../transport/upstream-request.js';
import { ClientRequest, type ProxyContext, upstreamRequest } from './client-request.js';
import { EarlyBytes } from './early-bytes.js';
import { cut, endUpgraded } from './endings.js';
import { farewell, isSpdy, isWebSocket, lastEvent } from './farewell.js';
import { switchingProtocols } from './headers.js';
import { longestEnd, type StreamEnd } from './open-streams.js';
import { hasTurn, PipelinedUpgrade } from './pipelined-upgrade.js';
import { Relay } from './relay/relay.js';
import { WebSocketFrames } from './relay/websocket-frames.js';
import type { Route, RoutedTrip } from './route.js';

/** The client's socket, and the bytes that followed its request head. Kept from Node's `upgrade` event until the handler needs them. */
interface UpgradeSocket {
  readonly socket: Socket;
  readonly early: readonly Buffer[];
}

const sockets = new WeakMap<IncomingMessage, UpgradeSocket>();

/**
 * Passes upgrade requests through the same hooks and routes as all other requests. Each gets an ordinary response, so that a rejection can
 * be written and ends the connection. The handler may take over the socket instead.
 *
 * @param strangers Undefined if callers are not authenticated.
 */
export function listenForUpgrades(
  app: Pick<FastifyInstance, 'server' | 'routing'>,
  patience: number,
  strangers?: { add(request: IncomingMessage, answer: ServerResponse): void },
): void {
  app.server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket;
    // Node has removed its own listeners. Without one, a reset would end the process.
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    // The answer to a refused upgrade ends the connection.
    response.shouldKeepAlive = false;
    strangers?.add(request, response);
    const begin = (behind: readonly Buffer[]) => {
      // Node has removed its own listener. Without one, a large rejection would wait forever.
      socket.on('drain', () => response.emit('drain'));
      response.once('finish', () => socket.destroySoon());
      sockets.set(request, { socket, early: head.length > 0 ? [head, ...behind] : behind });
      app.routing(request, response);
    };
    if (hasTurn(response, socket)) begin([]);
    else new PipelinedUpgrade(socket, response, patience, begin).wait();
  });
}

/**
 * One request with an Upgrade header (exec, attach, port-forward, WebSockets). It goes to the API server first. Only after a 101, this
 * class takes over the client's socket and copies bytes in both directions. Any other answer is passed on unchanged and ends the
 * connection, so that nothing that the client sends after it can bypass the guards.
 */
export class Upgrade extends ClientRequest<ResponseSink> implements ResponseSink {
  /** Nothing says where the answer of a refused upgrade may end. */
  readonly mayBeEnded = false;
  readonly #client: Socket;
  readonly #early: EarlyBytes;
  #upstream: SwitchedSocket | undefined;
  /** Ends the upgraded connection in the way of its protocol. Returns what cancels its timers. */
  #sayFarewell: ((error: StatusError, isEvent?: boolean) => () => void) | undefined;
  #stopEnding: (() => void) | undefined;

  constructor(context: ProxyContext, request: OpenRequest) {
    super(context, request);
    const { socket, early } = sockets.get(request.raw) as UpgradeSocket;
    this.#client = socket;
    const late = () => new UpstreamError(504, 'timeout', 'the API server does not answer the upgrade');
    // The client's bytes have waited too long for an answer.
    this.#early = new EarlyBytes(socket, context.patience, () => this.#fail(late()), early);
  }

  get upgradedTo(): Cluster | undefined {
    return this.#upstream === undefined ? undefined : this.request.cluster;
  }

  /** Sends the request to the API server. Every result and error goes to the reply or to the two sockets. */
  start(): void {
    const client = this.#client;
    this.context.openStreams.add(this);
    client.setKeepAlive(true, this.context.keepAlive);
    client.setNoDelay(true);
    this.request.record.onEnd(() => this.#tearDown('client'));
    if (this.writer.state === 'over') return;
    this.#early.keep();
    this.send(this.#upstreamRequest(), this);
  }

  protected offer(route: Route, request: UpstreamRequest, sink: ResponseSink): RoutedTrip | undefined {
    return route.takeUpgrade?.(this.request, request, sink, this);
  }

  #upstreamRequest(): UpstreamRequest {
    const { head } = this.request;
    const headers = head.asksForUpgrade ? ['Connection', 'Upgrade', 'Upgrade', head.upgradeProtocol] : [];
    // Without it, Node announces chunks for a POST, and the last chunk could be taken for the first bytes of the new protocol.
    if (head.method !== 'GET') headers.push('Content-Length', '0');
    return upstreamRequest(this.context, this.request, {
      headers,
      connection: head.asksForUpgrade ? 'upgrade' : 'new',
      isRepeatable: false,
    });
  }

  switched({ statusMessage, headers, socket: upstream }: SwitchedResponse): BodySink {
    const client = this.#client;
    const { record, reply } = this.request;
    this.#upstream = upstream;
    reply.hijack();
    this.response.detachSocket(client);
    record.answeredUpstream(101, fieldValue(headers, 'audit-id'));
    record.opened(101);
    const protocol = fieldValue(headers, 'upgrade') ?? '';
    this.context.connections.upgraded(protocol);
    this.#stopWaiting();
    client.write(switchingProtocols(statusMessage, headers, this.request, this.context), 'latin1');
    const sideOf = (side: EndReason) => {
      const end = () => {
        record.endedBy ??= side;
      };
      return { end, frames: isWebSocket(protocol) ? new WebSocketFrames(end) : undefined };
    };
    new Relay(client, upstream, sideOf('client')).copyEvents(this.#early.take());
    const mayBeEnded = this.context.openStreams.mayEnd(this.request);
    const side = sideOf('upstream');
    const frames = mayBeEnded && isSpdy(protocol) ? spdyFrames() : side.frames;
    const toClient = new Relay(upstream, client, { ...side, frames });
    toClient.start();
    if (mayBeEnded || this.writer.trip?.mayExpire === true) {
      const accept = fieldValue(this.request.head.rawHeaders, 'accept') ?? '';
      this.#sayFarewell = (error, isEvent) =>
        endUpgraded(
          { client, upstream, toClient },
          isEvent
            ? lastEvent(error, side.frames?.isBinary, accept)
            : farewell({ protocol, headers, info: record.info }, error),
        );
    }
    this.context.openStreams.opened(this);
    upstream.once('close', () => {
      if (this.#stopEnding === undefined) this.#tearDown('upstream');
    });
    upstream.on('error', error => {
      record.failure = error;
      record.endedBy ??= 'error';
      // It has unread bytes, and may never read them.
      if (error instanceof LaggingError) cut(client, { isDelimited: false });
    });
    return toClient;
  }

  /** The API server refuses the upgrade. */
  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    const body = this.writer.head(statusCode, statusMessage, headers);
    this.#stopWaiting();
    return body;
  }

  end(): void {
    this.writer.end();
  }

  error(error: Error): void {
    this.#stopWaiting();
    this.writer.error(error);
  }

  /** Stops waiting for an answer: from now on the client's bytes are relayed, or dropped. */
  #stopWaiting(): void {
    this.#early.stop();
    this.#client.resume();
  }

  /** One side has closed. The other side gets the bytes that were on their way to it, and is closed then. */
  #tearDown(endedBy: EndReason): void {
    this.request.record.endedBy ??= endedBy;
    this.#early.stop();
    this.#stopEnding?.();
    this.writer.close();
    this.writer.trip?.abort();
    this.#upstream?.destroySoon();
    this.#client.destroySoon();
  }

  /** The answer of a refused upgrade is cut: a program behind the API server may send it without end. */
  revoke({ endedBy, error }: StreamEnd): void {
    if (this.#stopEnding !== undefined) return;
    this.request.record.endWith(endedBy);
    if (this.#sayFarewell !== undefined) this.#stopEnding = this.#sayFarewell(error);
    else {
      const timer = setTimeout(() => this.#client.destroy(), longestEnd);
      this.request.record.onEnd(() => clearTimeout(timer));
      this.#stopWaiting();
      this.writer.cut(error);
      this.writer.trip?.abort();
    }
  }

  expire(error: StatusError): void {
    if (this.#stopEnding !== undefined) return;
    this.request.record.endWith('access');
    this.#stopEnding = this.#sayFarewell?.(error, true);
  }

  /** Gives the request up, and answers it with an error. */
  #fail(error: Error): void {
    this.writer.trip?.abort();
    this.error(error);
  }

  /**
   * Answers an upgrade that has not begun. The proxy cannot end an upgraded protocol properly, so an upgrade that has begun continues until
   * it is cut off.
   */
  endEarly(): void {
    if (this.#upstream !== undefined || this.response.headersSent) return;
    this.#fail(new StatusError(503, 'kube-api-proxy is shutting down'));
  }

  /** Cuts off both sides at once. */
  destroy(): void {
    this.#tearDown('shutdown');
    this.#upstream?.destroy();
    this.#client.destroy();
  }
}
