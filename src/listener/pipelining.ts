import type { Socket } from 'node:net';

const ignore = () => {};

/**
 * For a request that comes behind another one on a TLS connection; to be called in its `request` event. Node pauses its parser when such
 * a request comes and much of an answer still waits. The parser reads from the connection by itself, and gets the rest of the TLS records
 * that were read together although it is paused: it fails with HPE_PAUSED, and the connection ends. A listener for `data` makes them go
 * through the stream, which keeps them.
 */
export function readThroughStream(socket: Socket): void {
  socket.on('data', ignore).off('data', ignore);
}
