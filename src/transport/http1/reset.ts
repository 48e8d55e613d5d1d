import type { Socket } from 'node:net';
import { codedError } from '../../lib/coded-error.js';

/**
 * Whether a connection that has just ended was reset. libuv reports a reset right after bytes as a normal end (`uv__stream_io`: POLLHUP
 * after a partial read). Then an incomplete response without a length would seem complete. After a reset the kernel no longer knows the
 * peer's address. Node caches that address when it is first read, so nothing may read it before.
 */
export function wasReset(socket: Socket): boolean {
  return socket.localAddress !== undefined && socket.remoteAddress === undefined;
}

/** The error for a response whose connection ended before it was complete. */
export function brokenOff(): Error {
  return codedError('ECONNRESET', 'closed before the answer was complete');
}
