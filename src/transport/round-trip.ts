import type { Socket } from 'node:net';
import type { BorrowedBytes } from './borrowed-bytes.js';

/**
 * Sends one request to the API server and brings its response back. Round trippers wrap each other, as in client-go:
 * `renewOn401(retryStale(pool))`. The pool and the retry belong to one session; the renewal chooses the session.
 */
export interface RoundTripper<Request = OutgoingRequest> {
  /** Sends a request. What comes of it goes to the sink. */
  send(request: Request, sink: ResponseSink): RoundTrip;
}

/** A request on its way, or its response. After the sink's `end` or `error` it does nothing. */
export interface RoundTrip {
  /** Stops reading the response; what has been read already still comes. */
  pause(): void;
  resume(): void;
  /** Gives the request up, in whatever state. The sink hears nothing more. */
  abort(): void;
}

/** What a response goes to. After `end` or `error` nothing more comes. If a method throws, the round trip ends with that error. */
export interface ResponseSink {
  /**
   * The head of the final response; informational ones (1xx) are left out.
   *
   * @param headers Name, value, name, value, … in order, spelled as sent, a character a byte.
   * @returns what the body goes to, at once: a wrapper that has nothing to do with it is not in its way. A watch event cost 4 % more otherwise.
   */
  head(statusCode: number, statusMessage: string, headers: string[]): BodySink;
  /** The response is whole. Trailers are as headers, and mostly empty. */
  end(trailers: string[]): void;
  /** There will be no whole response. */
  error(error: Error): void;
}

/** What the body of a response goes to. */
export interface BodySink {
  /** A part of the body, without its framing; never empty. The bytes are borrowed until the call returns. */
  data(chunk: BorrowedBytes): void;
  /** Everything that has been read so far has been passed on. */
  idle(): void;
}

/** The body of a request, which sends itself. */
export interface OutgoingBody {
  /** Writes to the socket until the body ends, and then calls back. */
  start(socket: Socket, onEnd: () => void): void;
  /** Nothing more of it is wanted. */
  stop(): void;
}

/** A request as the API server gets it. */
export interface OutgoingRequest {
  readonly method: string;
  /** Request target in origin-form. */
  readonly path: string;
  /** Name, value, name, value, …, `Host` first; framing fields among them. */
  readonly headers: readonly string[];
  readonly body?: OutgoingBody | undefined;
  /** `shared`: a stream of a connection that others use too, where the API server speaks HTTP/2. `new`: none that has been used. */
  readonly connection?: 'any' | 'shared' | 'new' | undefined;
  /** Whether the API server may get it twice. */
  readonly isRepeatable: boolean;
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
