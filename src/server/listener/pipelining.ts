import type { Socket } from 'node:net';

const ignore = () => {};

/**
 * Call this in the `request` event of a request that is pipelined behind another one on a TLS connection. Node pauses its parser if such a
 * request comes while much of an answer waits. But the parser reads directly from the connection: it still gets the rest of the TLS records
 * that were read together, fails with HPE_PAUSED, and the connection ends. A listener for `data` sends these bytes through the stream,
 * which keeps them.
 */
export function readThroughStream(socket: Socket): void {
  socket.on('data', ignore).off('data', ignore);
}
