import type { Socket } from 'node:net';
import type { BorrowedBytes } from './borrowed-bytes.js';

/**
 * Sends a request to the API server and passes its response to a sink. Round trippers wrap each other, as in client-go:
 * `renewOn401(retryStale(pool))`. The pool and the retry belong to one session; the renewal chooses the session.
 */
export interface RoundTripper<Request = OutgoingRequest> {
  /** Sends a request. The sink gets the response after this call, so that it can pause it. An error may come during this call. */
  send(request: Request, sink: ResponseSink): RoundTrip;
}

/** A request on its way, or its response. After the sink's `end` or `error`, its methods do nothing. */
export interface RoundTrip {
  /** Stops reading the response. Bytes that were already read still come. */
  pause(): void;
  resume(): void;
  /** Gives up the request in any state. The sink gets no more calls. */
  abort(): void;
}

/** Receives a response. After `end` or `error` it gets no more calls. If a method throws, the round trip ends with that error. */
export interface ResponseSink {
  /**
   * The head of the final response. Informational responses (1xx) are skipped.
   *
   * @param headers Name, value, name, value, … in order and as spelled on the wire, one character per byte.
   * @returns The sink for the body. A wrapper that does not need the body returns the next sink's: otherwise a watch event cost 4 % more.
   */
  head(statusCode: number, statusMessage: string, headers: string[]): BodySink;
  /** The response is complete. Trailers have the form of `headers` and are usually empty. */
  end(trailers: string[]): void;
  /** The response failed and will not be complete. */
  error(error: Error): void;
}

/** Receives the body of a response. */
export interface BodySink {
  /** A part of the body, without framing; never empty. The bytes are lent until the call returns. */
  data(chunk: BorrowedBytes): void;
  /** All bytes that have been read so far have been passed on. */
  idle(): void;
}

/** The body of a request. It writes itself to the socket. */
export interface OutgoingBody {
  /** Writes to the socket until the body ends, and then calls back. */
  start(socket: Socket, onEnd: () => void): void;
  /** Stops the body: no more of it is needed. */
  stop(): void;
}

/** A request in the form that the API server gets. */
export interface OutgoingRequest {
  readonly method: string;
  /** Request target in origin-form. */
  readonly path: string;
  /** Name, value, name, value, …, `Host` first; includes the framing fields. */
  readonly headers: readonly string[];
  readonly body?: OutgoingBody | undefined;
  /**
   * `shared`: a stream of a connection that other requests use too, if the API server supports HTTP/2. `new`: a connection that has not
   * been used before.
   */
  readonly connection?: 'any' | 'shared' | 'new' | undefined;
  /** Whether the request may reach the API server twice. */
  readonly isRepeatable: boolean;
}

/**
 * Characters that a field value must not contain (RFC 9110, section 5.5). They would end the field, or become another character when
 * written as a byte.
 */
const illegalValue = /[^\t\x20-\x7e\x80-\xff]/;
const illegalTarget = /[^\x21-\x7e\x80-\xff]/;

/** Throws a TypeError for a request that cannot be expressed in HTTP. */
export function refuseIllegal({ path, headers }: OutgoingRequest): void {
  if (illegalTarget.test(path)) throw new TypeError('the request target cannot be sent');
  for (let index = 0; index < headers.length; index += 2) {
    if (illegalValue.test(headers[index + 1] as string)) {
      throw new TypeError(`the value of ${headers[index]} cannot be sent`);
    }
  }
}

/** A client reads more slowly than its data comes. It is too far behind, so the proxy ends its stream. */
export class LaggingError extends Error {}
