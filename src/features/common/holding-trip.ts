import { fieldValue, removeFields } from '../../http/header-fields.js';
import type { Onward, Route, RoutedTrip } from '../../proxy/route.js';
import type { OpenRequest } from '../../request/context.js';
import { type BorrowedBytes, lastingBytes } from '../../transport/borrowed-bytes.js';
import { HeldResponse } from '../../transport/held-response.js';
import { longestRefusal } from '../../transport/refusal.js';
import type { BodySink, ClientSink, ResponseSink, RoundTrip } from '../../transport/round-trip.js';
import type { UpstreamRequest } from '../../transport/upstream-request.js';

/** An answer of the API server, until all of it has come, or more than is held. */
export class HeldAnswer extends HeldResponse {
  readonly #onTooLong: () => void;
  #left = longestRefusal;

  /** @param onTooLong Called when more bytes of the body have come than are held. Then it must be released. */
  constructor(statusCode: number, statusMessage: string, headers: string[], onTooLong: () => void) {
    super(statusCode, statusMessage, headers);
    this.#onTooLong = onTooLong;
  }

  override data(chunk: BorrowedBytes): void {
    super.data(chunk);
    this.#left -= chunk.length;
    if (this.#left < 0 && this.body === undefined) this.#onTooLong();
  }

  get isCompressed(): boolean {
    return (fieldValue(this.headers, 'content-encoding') ?? 'identity') !== 'identity';
  }

  get whole(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** Passes it on, perhaps with another body. */
  giveTo(sink: ResponseSink, body = this.whole): void {
    const headers = [...this.headers];
    removeFields(headers, 'content-length');
    headers.push('Content-Length', String(body.length));
    try {
      const to = sink.head(this.statusCode, this.statusMessage, headers);
      if (body.length > 0) {
        to.data(lastingBytes(body));
        to.idle();
      }
      sink.end();
    } catch (error) {
      sink.error(error as Error);
    }
  }
}

/** A request that a route has taken, and what it needs to answer it. */
export interface TripParts<Sink extends ResponseSink> {
  readonly request: OpenRequest;
  readonly own: UpstreamRequest;
  /** Impersonate-* fields of its user: name, value, … */
  readonly as: readonly string[];
  readonly sink: Sink;
  readonly route: Route;
  readonly onward: Onward<Sink | ClientSink>;
}

/** A request that a route has sent on as it is, and whose client perhaps gets another answer. */
export abstract class HoldingTrip<Sink extends ResponseSink, Parts extends TripParts<Sink> = TripParts<Sink>>
  implements RoutedTrip, ClientSink
{
  protected readonly sink: Sink;
  /** Undefined when they are needed no more: a watch keeps little. */
  protected parts: Parts | undefined;
  protected held: HeldAnswer | undefined;
  protected isOver = false;
  #trip: RoundTrip | undefined;
  #isPaused = false;

  constructor(parts: Parts) {
    this.sink = parts.sink;
    this.parts = parts;
  }

  abstract head(statusCode: number, statusMessage: string, headers: string[]): BodySink;
  /** All of the held answer has come. */
  protected abstract decide(held: HeldAnswer): void;

  get waiting(): number {
    return (this.sink as Partial<ClientSink>).waiting ?? 0;
  }

  pause(): void {
    this.#isPaused = true;
    this.#trip?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#trip?.resume();
  }

  abort(): void {
    this.leave();
    this.#trip?.abort();
  }

  end(): void {
    const { held } = this;
    if (this.isOver) return;
    if (held !== undefined && held.ending === undefined) {
      held.end('whole');
      this.decide(held);
      return;
    }
    this.leave();
    this.sink.end();
  }

  error(error: Error): void {
    if (this.isOver) return;
    this.leave();
    this.sink.error(error);
  }

  /** Holds an answer. A long one goes to the client as it comes: a server that belongs to others may send one without end. */
  protected hold(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    const held = new HeldAnswer(statusCode, statusMessage, headers, () => {
      if (this.held !== held) return;
      this.held = undefined;
      held.releaseTo(this.sink.head(statusCode, statusMessage, headers));
    });
    this.held = held;
    return held;
  }

  /** Holds an answer of 200 or 201; any other one goes to the client as it is. */
  protected holdSuccess(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    if (statusCode !== 200 && statusCode !== 201) return this.sink.head(statusCode, statusMessage, headers);
    return this.hold(statusCode, statusMessage, headers);
  }

  /** Gives the held answer to the client, if it is still there, perhaps with another body. */
  protected give(held: HeldAnswer, body?: Buffer): void {
    if (!this.isOver) held.giveTo(this.sink, body);
  }

  /** The client gets nothing more from here. */
  protected leave(): void {
    this.isOver = true;
    this.parts = undefined;
    this.held = undefined;
  }

  /** The answer comes from this round trip; that of the one before, if there is one, is dropped. */
  protected use(trip: RoundTrip): void {
    this.#trip = trip;
    if (this.isOver) trip.abort();
    else if (this.#isPaused) trip.pause();
  }

  /** Drops the answer that comes. */
  protected drop(): void {
    this.#trip?.abort();
  }
}
