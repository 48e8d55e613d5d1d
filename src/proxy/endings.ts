import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { SwitchedSocket } from '../transport/round-trip.js';
import { longestEnd } from './open-streams.js';
import type { Relay } from './relay/relay.js';

/** The longest time in milliseconds that a side may leave its direction open after the other one has ended. */
const longestHalfOpen = 5_000;

/** The two connections of an upgrade, and the way of bytes from the API server to the client. */
interface Upgraded {
  readonly client: Socket;
  readonly upstream: SwitchedSocket;
  readonly toClient: Relay;
}

/**
 * Ends an upgraded connection: the client gets these bytes behind the frame that is on its way, and then both connections end in both
 * directions. A side that does not close its own direction, or a client that does not read, is reset. Returns what cancels the timers.
 */
export function endUpgraded({ client, upstream, toClient }: Upgraded, last: Buffer): () => void {
  const resetBoth = () => {
    for (const socket of [client, upstream]) reset(socket);
  };
  const timers = [setTimeout(resetBoth, longestEnd)];
  const closeBoth = () => {
    if (timers.length > 1) return;
    timers.push(setTimeout(resetBoth, longestHalfOpen));
    for (const socket of [client, upstream]) close(socket);
  };
  // Then the rest of a frame never comes.
  upstream.once('close', closeBoth);
  toClient.endWith(last, closeBoth);
  return () => {
    for (const timer of timers) clearTimeout(timer);
  };
}

/** Ends our direction, and waits for the end of the other one: unread bytes would become a reset, which overtakes the last bytes. */
function close(socket: SwitchedSocket): void {
  socket.end();
  if (socket.readableEnded) socket.destroySoon();
  else socket.once('end', () => socket.destroySoon()).resume();
}

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
function reset(socket: Duplex): void {
  const canReset = socket instanceof Socket && socket.remoteAddress !== undefined;
  if (!canReset || socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
