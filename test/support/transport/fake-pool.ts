import { lastingBytes } from '../../../src/transport/borrowed-bytes.js';
import type {
  BodySink,
  ConnectionKind,
  Lease,
  OutgoingRequest,
  Pool,
  ResponseSink,
} from '../../../src/transport/round-trip.js';

/** A connection that the test controls. */
export class FakeLease implements Lease {
  readonly kind: ConnectionKind;
  #sent: { readonly request: OutgoingRequest; readonly sink: ResponseSink } | undefined;
  #body: BodySink | undefined;
  isStale = false;
  /** The calls of its methods, in order. */
  readonly calls: ('pause' | 'resume' | 'abort')[] = [];

  constructor(kind: ConnectionKind) {
    this.kind = kind;
  }

  send(request: OutgoingRequest, sink: ResponseSink): void {
    if (this.#sent !== undefined) throw new Error('a connection was used twice');
    this.#sent = { request, sink };
  }

  /** Whether a request was sent over it. */
  get isUsed(): boolean {
    return this.#sent !== undefined;
  }

  get request(): OutgoingRequest {
    return this.#used.request;
  }

  get sink(): ResponseSink {
    return this.#used.sink;
  }

  get #used() {
    if (this.#sent === undefined) throw new Error('nothing was sent over the connection');
    return this.#sent;
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  abort(): void {
    this.calls.push('abort');
  }

  /** The head of a response. */
  head(statusCode: number, headers = ['X-Status', String(statusCode)]): void {
    this.#body = this.sink.head(statusCode, '', headers);
  }

  /** A part of its body, and the end of a read. */
  body(text: string): void {
    this.#body?.data(lastingBytes(Buffer.from(text)));
    this.#body?.idle();
  }

  /** The connection has ended unnoticed before the request was sent over it. */
  goStale(error: Error): void {
    this.isStale = true;
    this.sink.error(error);
  }
}

/** Opens no connections, and records the leases. */
export class FakePool implements Pool {
  readonly leases: FakeLease[] = [];
  /** If this is set, each lease waits for it. */
  opening: Promise<unknown> | undefined;

  lease(kind: ConnectionKind): FakeLease | Promise<FakeLease> {
    const lease = new FakeLease(kind);
    this.leases.push(lease);
    return this.opening === undefined ? lease : this.opening.then(() => lease);
  }

  /** The lease with this number. */
  get(index = 0): FakeLease {
    const lease = this.leases[index];
    if (lease === undefined) throw new Error(`there is no lease ${index}`);
    return lease;
  }
}
