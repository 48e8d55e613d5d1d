import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { asHttp2 } from '../http/as-http2.js';

const nothing = Buffer.alloc(0);

/**
 * Sends the head before there is a body, with one byte per character. Node's own flushHeaders for HTTP/1.1 writes the head as UTF-8; a head
 * before a body of bytes is not. If there is no body, the end of the answer sends the head.
 */
export function flushHead(response: ServerResponse): void {
  if (asHttp2(response) === undefined) response.write(nothing);
  else response.flushHeaders();
}

/**
 * Ends an HTTP/1.1 connection in the middle of an answer, after the bytes that are already written. The client notices that the answer is
 * incomplete: the last chunk is missing, or there are fewer bytes than Content-Length says. Where a normal end of the connection would mean
 * the end of the answer, the connection is reset.
 */
export function cut(socket: Socket, { isDelimited }: { readonly isDelimited: boolean }): void {
  if (isDelimited) socket.destroySoon();
  // Over TLS this is an end without close_notify. A Unix socket has no reset, and Node throws.
  else if (socket instanceof TLSSocket || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
