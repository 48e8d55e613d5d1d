import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { StallTimer } from '../../lib/stall-timer.js';

/** Milliseconds after which a client counts as gone if it reads nothing of what waits for it, and sends nothing. Its requests then end. */
export const clientPatience = 25_000;

/**
 * Lets an HTTP/1.1 client close its side of a connection (FIN) after a complete request or an upgrade, and still get the answer. Until
 * something is written, such a client looks the same as one that has gone, so the connection ends after `patience` milliseconds without
 * progress. A FIN before the request is complete is an error of Node's parser, and ends the connection immediately. Call this before
 * anything else listens to the server's connections.
 */
export function serveHalfClosed(server: Server, patience = clientPatience): void {
  // Node's types lack this property. Without it, Node ends its own side as soon as the client does.
  (server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  server.on('connection', (socket: Socket) => {
    socket.once('end', () => endStalled(socket, patience));
  });
}

function endStalled(socket: Socket, patience: number): void {
  const timer = new StallTimer(socket, patience, () => socket.destroy());
  timer.start();
  socket.once('close', () => timer.stop());
}
