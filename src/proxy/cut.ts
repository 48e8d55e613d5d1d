import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/**
 * Ends an HTTP/1.1 connection in the middle of an answer, what is already written first: no last chunk, fewer bytes than Content-Length
 * says, and a reset where the end of the connection would pass for the end of the answer.
 */
export function cut(socket: Socket, { isDelimited }: { readonly isDelimited: boolean }): void {
  if (isDelimited) socket.destroySoon();
  // In TLS that is an end without close_notify.
  else if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
