import type { Socket } from 'node:net';

/** Bytes that a connection has transferred. */
interface Passed {
  received: number;
  sent: number;
}

/** The bytes of each connection at the end of its last request. */
const passedBefore = new WeakMap<Socket, Passed>();

/** The bytes that a connection has sent since the end of its last request. */
export function sentSince(socket: Socket): number {
  return socket.bytesWritten - (passedBefore.get(socket)?.sent ?? 0);
}

/** The bytes that a connection has transferred since the end of its last request. */
export function passedSince(socket: Socket): Passed {
  const { bytesRead, bytesWritten } = socket;
  const before = passedBefore.get(socket);
  if (before === undefined) {
    passedBefore.set(socket, { received: bytesRead, sent: bytesWritten });
    return { received: bytesRead, sent: bytesWritten };
  }
  const grown = { received: bytesRead - before.received, sent: bytesWritten - before.sent };
  before.received = bytesRead;
  before.sent = bytesWritten;
  return grown;
}
