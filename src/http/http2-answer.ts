import type { Duplex } from 'node:stream';
import type { RawHeaders } from './header-fields.js';

/** What the answer of an HTTP/2 stream has besides the members of a `ServerResponse`. */
export interface Http2Answer {
  /** The stream, which closes with its request. */
  readonly stream: Duplex;
  /** Bytes of header fields and body so far, without frames and compression, which belong to the connection. */
  readonly bytesSent: number;
  /** The largest head for this client. */
  readonly maxHead: number;
  /** Whether a head of these fields can be sent. */
  takes(fields: RawHeaders): boolean;
  /** Resets the stream before its answer is complete, after the bytes that are already written. The connection stays open. */
  cut(): void;
  /** Resets the stream immediately, for a client that does not read what is written. */
  drop(): void;
  /** The caller of the request is known: from now on, the connection may have as many streams as callers have. */
  callerIsKnown(): void;
}

/** Marks a request that came over HTTP/2. */
export const overHttp2 = Symbol('over HTTP/2');

/** Whether a request came over HTTP/2. The version in the first line of an HTTP/1.1 request does not count. */
export function isHttp2(request: object): boolean {
  return overHttp2 in request;
}
