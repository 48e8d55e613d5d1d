import type { Socket } from 'node:net';
import type { ResponseEvents } from './http1/response-parser.js';

/**
 * What an exchange hears of its answer; after `onEnd` or `onError` no more. The bytes of a body are good until the call
 * returns: who still needs them then, calls `detach` on the carrier.
 */
export interface ExchangeEvents extends ResponseEvents {
  /** All bytes that are there have been given on. */
  onIdle(): void;
  /** There will be no whole answer. */
  onError(error: Error): void;
}

/** The body of a request, which sends itself. */
export interface OutgoingBody {
  /** Writes to the socket until the body ends, and then calls back. */
  start(socket: Socket, onEnd: () => void): void;
  /** Nothing more of it is wanted. */
  stop(): void;
}

/** A request without its body. */
export interface OutgoingRequest {
  readonly method: string;
  /** Request target in origin-form. */
  readonly path: string;
  /** Name, value, name, value, …, `Host` first; framing fields among them. */
  readonly headers: readonly string[];
}

/** What takes one request at a time to the API server, and its answer back: an HTTP/1.1 connection, or a stream of HTTP/2. */
export interface Carrier {
  /** Whether it broke before the API server could see the request that is on it: one that it may get again. */
  readonly stale: boolean;
  /**
   * Sends a request; what comes of it, its failure included, goes to the exchange, and later. Throws a TypeError when the request
   * would not be HTTP.
   */
  send(request: OutgoingRequest, body: OutgoingBody | undefined, exchange: ExchangeEvents): void;
  /** Stops reading; at most what is on its way already is given on. */
  pause(): void;
  resume(): void;
  /** The bytes that are being given on are needed longer than the call. */
  detach(): void;
  /** Nobody needs bytes that have been given on any more. */
  reclaim(): void;
  /** The bytes that have been given on are needed longer than the exchange. */
  abandon(): void;
  /** Gives up the request, in whatever state. */
  cancel(): void;
}

/** What no field value has (RFC 9110, section 5.5): it would end the field, or become another character as a byte. */
const illegalValue = /[^\t\x20-\x7e\x80-\xff]/;
const illegalTarget = /[^\x21-\x7e\x80-\xff]/;

/** Throws a TypeError for what has no form on the wire. */
export function refuseIllegal({ path, headers }: OutgoingRequest): void {
  if (illegalTarget.test(path)) throw new TypeError('the request target cannot be sent');
  for (let index = 0; index < headers.length; index += 2) {
    if (illegalValue.test(headers[index + 1] as string)) {
      throw new TypeError(`the value of ${headers[index]} cannot be sent`);
    }
  }
}
