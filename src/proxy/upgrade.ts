import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Cluster } from '../clusters/cluster.js';
import type { Session } from '../clusters/endpoint.js';
import { fieldValue, hasField } from '../http/header-fields.js';
import { asksForUpgrade, upgradeProtocol } from '../http/message.js';
import { StatusError } from '../kubernetes/status.js';
import { StallTimer } from '../lib/stall-timer.js';
import type { EndReason } from '../observability/metrics/traffic-metrics.js';
import type { RequestContext } from '../request/context.js';
import { type Attempt, SessionAttempts } from '../transport/session-attempts.js';
import { toUpstreamError, UpstreamError } from '../transport/upstream-error.js';
import { cut, flushHead } from './client-answer.js';
import { clientValue, responseHeaders, withPossibleFraming } from './headers.js';
import type { OpenStream } from './open-streams.js';
import { bringsAuthorization, hidesRefusal, outboundRequest, type ProxyContext } from './outbound-request.js';
import { Relay } from './relay/relay.js';
import type { RelayReads } from './relay/relay-reads.js';
import { requestUpgrade } from './upgrade-connection.js';

/** If a client sends more bytes than this before the 101, its socket is paused. */
const maxEarlyBytes = 64 * 1024;

/** The client's socket, and the bytes that followed its request head. */
interface UpgradeSocket {
  readonly socket: Socket;
  readonly head: Buffer;
}

const sockets = new WeakMap<IncomingMessage, UpgradeSocket>();

/** Keeps the socket of Node's `upgrade` event until the handler needs it. */
export function keepSocket(request: IncomingMessage, socket: Socket, head: Buffer): void {
  sockets.set(request, { socket, head });
}

/**
 * One request with an Upgrade header (exec, attach, port-forward, WebSockets). It goes to the API server first. Only after a 101, this
 * class takes over the client's socket and copies bytes in both directions. Any other answer is passed on unchanged and ends the
 * connection, so that nothing that the client sends after it can bypass the guards.
 */
export class Upgrade implements OpenStream, Attempt<Session> {
  readonly #context: ProxyContext;
  readonly #request: RequestContext;
  readonly #response: ServerResponse;
  readonly #client: Socket;
  #early: Buffer[];
  #earlyBytes = 0;
  readonly #attempts: SessionAttempts<Session>;
  readonly #stall: StallTimer;
  #giveUp: () => void = () => {};
  #upstream: Socket | undefined;
  #done = false;

  constructor(context: ProxyContext, request: RequestContext) {
    const { socket, head } = sockets.get(request.raw) as UpgradeSocket;
    this.#context = context;
    this.#request = request;
    this.#response = request.reply.raw;
    this.#client = socket;
    this.#early = head.length > 0 ? [head] : [];
    this.#attempts = new SessionAttempts(request.cluster, this);
    this.#stall = new StallTimer(socket, context.patience, () => this.#onStall());
  }

  get upgradedTo(): Cluster | undefined {
    return this.#upstream === undefined ? undefined : this.#request.cluster;
  }

  /** Sends the request to the API server. Every result and error goes to the reply or to the two sockets. */
  start(): void {
    const client = this.#client;
    this.#context.openStreams.add(this);
    client.setKeepAlive(true, this.#context.keepAlive);
    client.setNoDelay(true);
    client.once('close', () => this.#tearDown('client'));
    // Reading is the only way to notice that the client leaves before there is an answer.
    client.on('data', this.#keepEarly);
    this.#attempts.start();
  }

  get bringsAuthorization(): boolean {
    return bringsAuthorization(this.#context, this.#request);
  }

  get hidesRefusal(): boolean {
    return hidesRefusal(this.#context, this.#request);
  }

  sendWith(session: Session): void {
    if (this.#done) return;
    const { path, headers } = outboundRequest(this.#context, this.#request, session);
    const method = this.#request.raw.method as string;
    const asks = asksForUpgrade(this.#request.raw);
    if (asks) headers.push('Connection', 'Upgrade', 'Upgrade', upgradeProtocol(this.#request.raw.rawHeaders));
    // Without it, Node announces chunks for a POST, and the last chunk could be taken for the first bytes of the new protocol.
    if (method !== 'GET') headers.push('Content-Length', '0');
    this.#giveUp = requestUpgrade(
      session.dial,
      { method, path, headers },
      {
        onUpgrade: (answer, socket, head, reads) => {
          if (asks) this.#splice(answer, socket, head, reads);
          else
            this.fail(
              new UpstreamError(
                502,
                'protocol',
                'the API server switched protocols although it was not asked to',
              ),
            );
        },
        onResponse: answer => this.#answer(session, answer),
        onError: error => this.fail(toUpstreamError(error, session.host)),
      },
    );
  }

  #keepEarly = (chunk: Buffer): void => {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes <= maxEarlyBytes) return;
    this.#client.pause();
    // While the client's bytes are not read, nothing shows whether the client has left, so the wait is limited.
    this.#stall.start();
  };

  /** The client's bytes have waited too long for an answer. */
  #onStall(): void {
    this.fail(new UpstreamError(504, 'timeout', 'the API server does not answer the upgrade'));
    this.#giveUp();
  }

  #splice(answer: IncomingMessage, upstream: Socket, head: Buffer, reads: RelayReads): void {
    const client = this.#client;
    if (this.#done) {
      upstream.destroy();
      return;
    }
    this.#upstream = upstream;
    this.#giveUp = () => {};
    this.#request.reply.hijack();
    this.#response.detachSocket(client);
    this.#request.record.answeredUpstream(101, fieldValue(answer.rawHeaders, 'audit-id'));
    this.#request.record.opened(101);
    this.#context.traffic.upgraded(upgradeProtocol(answer.rawHeaders));
    this.#stopWaiting();
    client.write(switchingProtocols(answer, this.#request), 'latin1');
    if (head.length > 0) client.write(head);
    for (const chunk of this.#early) upstream.write(chunk);
    this.#early = [];
    new Relay(client, upstream).start();
    new Relay(upstream, client, reads).start();
    upstream.once('close', () => this.#tearDown('upstream'));
    upstream.on('error', error => {
      this.#request.record.failure = error;
      this.#request.record.endedBy ??= 'error';
    });
  }

  #answer(session: Session, answer: IncomingMessage): void {
    const renewal = this.#attempts.renewal(answer.statusCode as number);
    if (renewal === undefined) {
      this.#refuse(session, answer);
      return;
    }
    // The answer may break off meanwhile. That matters only if the client gets it.
    answer.on('error', () => {});
    renewal
      .then(next => {
        if (next === undefined) {
          this.#refuse(session, answer);
          return;
        }
        answer.destroy();
        this.#attempts.send(next);
      })
      .catch(error => this.fail(error));
  }

  #refuse(session: Session, answer: IncomingMessage): void {
    if (this.#done) return;
    const response = this.#response;
    const statusCode = answer.statusCode as number;
    const refusal = this.#attempts.refusal(statusCode, answer.rawHeaders);
    if (refusal !== undefined) {
      this.fail(refusal);
      this.#giveUp();
      return;
    }
    const { rawHeaders } = answer;
    const headers = responseHeaders({ statusCode, rawHeaders }, this.#request, this.#context);
    response.sendDate = false;
    response.shouldKeepAlive = false;
    try {
      // For Node, a 101 without a protocol is an ordinary answer.
      if (statusCode === 101)
        throw new UpstreamError(502, 'protocol', 'the API server answered 101 without a protocol');
      // Throws if the head is not valid HTTP/1.1. Until then Fastify must have the reply, so that an error can be answered.
      response.writeHead(
        statusCode,
        answer.statusMessage,
        withPossibleFraming(statusCode, headers, response),
      );
    } catch (error) {
      // Node has kept the invalid status message, and would throw again.
      response.statusMessage = '';
      this.fail(toUpstreamError(error as Error, session.host));
      this.#giveUp();
      return;
    }
    this.#stopWaiting();
    this.#request.reply.hijack();
    flushHead(response);
    const onError = (error: Error) => {
      this.#request.record.failure = toUpstreamError(error, session.host);
      this.#request.record.endedBy ??= 'error';
      cut(this.#client, { isDelimited: response.chunkedEncoding || hasField(headers, 'content-length') });
    };
    if (answer.errored) onError(answer.errored);
    else answer.once('error', onError).pipe(response);
  }

  fail(error: Error): void {
    if (this.#done) return;
    this.#request.record.endedBy ??= 'error';
    this.#done = true;
    this.#context.openStreams.delete(this);
    this.#stopWaiting();
    this.#request.reply.send(error);
  }

  /** Stops waiting for an answer: from now on the client's bytes are relayed, or dropped. */
  #stopWaiting(): void {
    this.#stall.stop();
    this.#client.off('data', this.#keepEarly).resume();
  }

  /** One side has closed. The other side gets the bytes that were on their way to it, and is closed then. */
  #tearDown(endedBy: EndReason): void {
    this.#request.record.endedBy ??= endedBy;
    this.#done = true;
    this.#stall.stop();
    this.#context.openStreams.delete(this);
    this.#giveUp();
    this.#upstream?.destroySoon();
    this.#client.destroySoon();
  }

  /**
   * Answers an upgrade that has not begun. The proxy cannot end an upgraded protocol properly, so an upgrade that has begun continues until
   * it is cut off.
   */
  end(): void {
    if (this.#upstream !== undefined || this.#response.headersSent) return;
    this.fail(new StatusError(503, 'kube-api-proxy is shutting down'));
    this.#giveUp();
  }

  /** Cuts off both sides at once. */
  destroy(): void {
    this.#tearDown('shutdown');
    this.#upstream?.destroy();
    this.#client.destroy();
  }
}

/** The head of an answer that switches protocols. Its hop-by-hop fields are a part of the switch. */
function switchingProtocols({ statusMessage, rawHeaders }: IncomingMessage, request: RequestContext): string {
  let head = `HTTP/1.1 101 ${statusMessage}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = clientValue(name.toLowerCase(), rawHeaders[index + 1] as string, request);
    if (value !== undefined) head += `${name}: ${value}\r\n`;
  }
  const added = request.answerHeaders ?? [];
  for (let index = 0; index < added.length; index += 2) head += `${added[index]}: ${added[index + 1]}\r\n`;
  return `${head}\r\n`;
}
