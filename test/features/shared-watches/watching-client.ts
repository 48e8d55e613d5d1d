import assert from 'node:assert/strict';
import type {
  CredentialCheck,
  LocalApi,
  WatchRequest,
} from '../../../src/features/shared-watches/watch-to-share.js';
import {
  Messages,
  WebSocketClient,
} from '../../../src/features/shared-watches/websockets/websocket-client.js';
import type { BorrowedBytes } from '../../../src/transport/borrowed-bytes.js';
import type {
  BodySink,
  ClientSink,
  RoundTrip,
  SwitchedResponse,
  SwitchedSocket,
} from '../../../src/transport/round-trip.js';
import type { CallObserver } from '../../../src/transport/upstream-call.js';
import type { SentRequest, UpstreamRequest } from '../../../src/transport/upstream-request.js';
import { serverFrames } from '../../support/clients/websocket-client.js';
import { upstreamRequestTo } from '../../support/transport/upstream-requests.js';

/** The watch that a test's client asks for. */
export interface Asked {
  readonly version?: string;
  /** Whether it begins with the objects. */
  readonly initial?: boolean;
  readonly key?: string;
  readonly bookmarks?: boolean;
  /** Milliseconds, in whole seconds. */
  readonly timeout?: number;
  readonly expires?: number;
  /** What the API server says about the user's right. */
  readonly isAllowed?: () => Promise<boolean>;
  /** Impersonate-* fields of the caller; by default those of the access. */
  readonly impersonation?: UpstreamRequest['impersonation'];
  /** What is said about its credential; by default it has none. */
  readonly isStillValid?: CredentialCheck;
  /** The name that access reviews ask about; by default one of its own. */
  readonly right?: string;
  /** By default it shares with its own user alone. */
  readonly api?: LocalApi | undefined;
  readonly auditId?: string;
  /** Whether it watches over a WebSocket. */
  readonly webSocket?: boolean;
}

let clients = 0;
const messages = new Messages();

/** A client's watch, and all that it has received. */
export class WatchingClient implements WatchRequest, ClientSink, BodySink {
  readonly asked: Asked;
  /** In the fields of its own request. */
  readonly id = String(clients++);
  /** The name that the access review for this client asks about. */
  readonly name: string;
  readonly path = '/shared';
  readonly rawHeaders = [];
  readonly requestId = 'id';
  readonly attributes: { readonly resourceAttributes: object };
  /** What was sent to the API server for this client. */
  readonly sent: SentRequest[] = [];
  readonly observer: CallObserver = { sent: sent => this.sent.push(sent) };
  trip: RoundTrip | undefined;
  status: number | undefined;
  headers: readonly string[] = [];
  text = '';
  ended: 'end' | Error | undefined;
  /** How often `idle` was called. */
  idles = 0;
  onData: () => void = () => {};
  /** Its end of the WebSocket, and the code with which it was closed. */
  socket: SwitchedSocket | undefined;
  closed: number | undefined;
  /** What has come over the WebSocket. */
  readonly raw: Buffer[] = [];
  /** The bytes that it has not taken when it pauses. */
  waiting = 64 * 1024;

  constructor(asked: Asked = {}) {
    this.asked = asked;
    this.name = asked.right ?? `client ${this.id}`;
    this.attributes = { resourceAttributes: { name: this.name } };
  }

  get version(): string {
    return this.asked.version ?? '100';
  }

  /** The events that it has received, as lines. */
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** Types and versions of the events that it has received. */
  get events(): string[] {
    return this.lines.map(line => {
      const { type, object } = JSON.parse(line);
      return `${type} ${object.metadata?.resourceVersion ?? object.code}`;
    });
  }

  get own(): UpstreamRequest {
    const impersonation = 'impersonation' in this.asked ? this.asked.impersonation : 'configured';
    const { initial = false, right, auditId } = this.asked;
    const query = initial || right !== undefined ? this.query : `resourceVersion=${this.version}`;
    return upstreamRequestTo(`/own?${query}`, {
      headers: [...(auditId === undefined ? [] : ['Audit-ID', auditId]), 'X-Client', this.id],
      ...{ impersonation, connection: 'shared', isRepeatable: true },
    });
  }

  get query(): string {
    const { key, bookmarks = false, timeout, initial = false } = this.asked;
    const pairs: string[] = [];
    if (initial) pairs.push('sendInitialEvents=true', 'resourceVersionMatch=NotOlderThan');
    if (!initial || this.asked.version !== undefined) pairs.push(`resourceVersion=${this.version}`);
    if (key !== undefined) pairs.push(`labelSelector=${encodeURIComponent(key)}`);
    if (bookmarks) pairs.push('allowWatchBookmarks=true');
    if (timeout !== undefined) pairs.push(`timeoutSeconds=${timeout / 1000}`);
    return pairs.join('&');
  }

  get expires(): number | undefined {
    return this.asked.expires;
  }

  get api(): LocalApi | undefined {
    return this.asked.api;
  }

  get isStillValid(): CredentialCheck | undefined {
    return this.asked.isStillValid;
  }

  head(statusCode: number, _statusMessage: string, headers: string[]): BodySink {
    this.status = statusCode;
    this.headers = headers;
    return this;
  }

  /** Where the answer of a shared watch goes, if that is not the client itself. */
  get upgraded(): WebSocketClient | undefined {
    return this.asked.webSocket === true
      ? new WebSocketClient(['Upgrade', 'websocket'], this, messages)
      : undefined;
  }

  switched({ socket, headers }: SwitchedResponse): BodySink {
    this.status = 101;
    this.headers = headers;
    this.socket = socket;
    socket
      .on('end', () => {
        this.ended ??= 'end';
      })
      .on('error', error => {
        this.ended ??= error;
      })
      .resume();
    return { data: chunk => this.#read(chunk.view()), idle() {} };
  }

  #read(bytes: Buffer): void {
    this.raw.push(bytes);
    const frames = serverFrames(bytes);
    assert.ok(frames.length > 0, 'frames come whole');
    for (const { opcode, payload } of frames) {
      assert.equal(this.closed, undefined);
      if (opcode === 0x88) this.closed = payload.readUInt16BE();
      else if (opcode === 0x81) {
        assert.equal(payload.indexOf('\n'), payload.length - 1, 'a message is one event');
        this.text += payload.toString('latin1');
        this.onData();
      }
    }
  }

  data(chunk: BorrowedBytes): void {
    this.text += chunk.view().toString('latin1');
    this.onData();
  }

  idle(): void {
    this.idles += 1;
  }

  end(): void {
    this.ended = 'end';
  }

  error(error: Error): void {
    this.ended = error;
  }
}
