import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { StallTimer } from '../../lib/stall-timer.js';
import { clientPatience } from './client-patience.js';

/**
 * Lets clients of HTTP/1.1 close their side of a connection (FIN) after a complete request or an upgrade and still get the answer. A client
 * that has left altogether cannot be distinguished from it until something is written, so the connection ends after `patience` milliseconds without
 * progress. A FIN before the request is complete is an error of Node's parser, and ends the connection at once. Call this before
 * anything else listens to the server's connections.
 */
export function serveHalfClosed(server: Server, patience = clientPatience): void {
  // Missing in Node's types: without it Node ends its own side as soon as the client does.
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
