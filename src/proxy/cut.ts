import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

/**
 * Ends an HTTP/1.1 connection in the middle of an answer, after the bytes that are already written. The client notices that the answer is
 * incomplete: the last chunk is missing, or there are fewer bytes than Content-Length says. Where a normal end of the connection would mean
 * the end of the answer, the connection is reset.
 */
export function cut(socket: Socket, { isDelimited }: { readonly isDelimited: boolean }): void {
  if (isDelimited) socket.destroySoon();
  else reset(socket);
}

/** Over TLS this is an end without close_notify. A Unix socket has no reset, and Node throws. */
export function reset(socket: Duplex): void {
  const canReset = socket instanceof Socket && socket.remoteAddress !== undefined;
  if (!canReset || socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
