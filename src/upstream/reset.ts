import type { Socket } from 'node:net';

/**
 * Whether a connection that has just ended was reset. libuv makes an end of a reset that comes right behind bytes (`uv__stream_io`: POLLHUP
 * after a partial read), and an answer without a length would pass for a whole one. The kernel knows no peer any more after a reset. Node
 * keeps the peer's address once it has been asked for, so nothing may ask for it before.
 */
export function wasReset(socket: Socket): boolean {
  return socket.localAddress !== undefined && socket.remoteAddress === undefined;
}

/** What an answer fails with whose connection ended before it was complete. */
export function brokenOff(): Error {
  return Object.assign(new Error('closed before the answer was complete'), { code: 'ECONNRESET' });
}
