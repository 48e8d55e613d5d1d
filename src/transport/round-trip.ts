import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { BorrowedBytes } from './borrowed-bytes.js';

/** A request on its way, or its response. After the sink's `end` or `error`, its methods do nothing. */
export interface RoundTrip {
  /** Stops reading the response. Bytes that were already read still come. */
  pause(): void;
  resume(): void;
  /** Gives up the request in any state. The sink gets no more calls. */
  abort(): void;
}

/**
 * Which connection carries a request. `shared`: a stream of a connection that other requests use too, if the API server supports HTTP/2.
 * `new`: one that has not been used before. `upgrade`: one that may switch to another protocol.
 */
export type ConnectionKind = 'any' | 'shared' | 'new' | 'upgrade';

/** The connections to one API server. */
export interface Pool {
  /** Returns a promise while a connection to share is being opened. The promise rejects with the error of that connection. */
  lease(kind: ConnectionKind): Lease | Promise<Lease>;
}

/**
 * A connection, or a stream of one, for one request. It is also the request's round trip. When that is over, it returns to its pool by
 * itself and may serve another request; who sent the request must forget it by then.
 */
export interface Lease extends RoundTrip {
  /** Sends a request that has passed `refuseIllegal`. The sink gets the response or the error, always after this call. */
  send(request: OutgoingRequest, sink: ResponseSink): void;
  /**
   * Whether it failed before the API server could see the request: the connection was reused and had ended unnoticed, or does not take a
   * head of this size. A new connection may carry it.
   */
  readonly isStale: boolean;
  /** Whether its connection is being opened. The sink is told when it is open. */
  readonly isDialling?: boolean;
  /** The connection, if other requests use it too. */
  readonly connection?: object;
}

/** Receives a response. After `end`, `error` or `switched` it gets no more calls. If a method throws, the round trip ends with that error. */
export interface ResponseSink {
  /** The connection is open, and the request is sent. */
  opened?(): void;
  /**
   * The head of the final response. Informational responses (1xx) are skipped.
   *
   * @param headers Name, value, name, value, … in order and as spelled on the wire, one character per byte.
   * @returns The sink for the body. A wrapper that does not need the body returns the next sink's: otherwise a watch event cost 4 % more.
   */
  head(statusCode: number, statusMessage: string, headers: string[]): BodySink;
  /** The response is complete. Its trailers, if there were any, are dropped (RFC 9110, section 6.5.1). */
  end(): void;
  /** The response failed and will not be complete. */
  error(error: Error): void;
  /**
   * The answer is a 101. Only the sink of a request over an `upgrade` connection gets it.
   *
   * @returns The sink for all that the other side sends, but for its end, which the socket tells. Undefined ends the connection.
   */
  switched?(response: SwitchedResponse): BodySink | undefined;
}

/** The way of a response to a client. While the client does not read fast enough, it pauses the round trip. */
export interface ClientSink extends ResponseSink {
  /** How many bytes of the response wait for the client. */
  readonly waiting: number;
}

/** What is used of a socket that has switched to another protocol. */
export interface SwitchedSocket extends Duplex {
  /** Closes it when all bytes are written. */
  destroySoon(): void;
}

/** A connection that has switched to another protocol. */
export interface SwitchedResponse {
  readonly statusMessage: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
  /** Belongs to the sink from now on. Nobody else may listen to its `data` events. */
  readonly socket: SwitchedSocket;
}

/** Receives the body of a response. */
export interface BodySink {
  /** A part of the body, without framing; never empty. The bytes are lent until the call returns. */
  data(chunk: BorrowedBytes): void;
  /**
   * All bytes that have been read so far have been passed on.
   *
   * @param most How many bytes may wait for the client without a pause of the round trip; by default what lets the bytes flow best.
   */
  idle(most?: number): void;
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
}

/** A client reads more slowly than its data comes. It is too far behind, so the proxy ends its stream. */
export class LaggingError extends Error {}
