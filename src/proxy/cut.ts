import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Ends an HTTP/1.1 connection in the middle of an answer, after what is already written. The client sees the cut: there is no last chunk,
 * there are fewer bytes than Content-Length says, or there is a reset where a normal end of the connection would mean the end of the answer.
 */
export function cut(socket: Socket, { isDelimited }: { readonly isDelimited: boolean }): void {
  if (isDelimited) socket.destroySoon();
  // In TLS that is an end without close_notify. A Unix socket has no reset, and Node throws.
  else if (socket instanceof TLSSocket || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
