import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { StallTimer } from '../../lib/stall-timer.js';
import type { OpenStreams } from '../../proxy/open-streams.js';

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

/**
 * The open connections of a server and, with TLS, the TLS sockets on top of them. Node does not count connections that have sent nothing yet as idle
 * (browsers keep some in reserve), and does not know those whose handshake is not done.
 */
export function trackConnections(server: Server, openStreams: Pick<OpenStreams, 'ending'>): Set<Socket> {
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    // The connection was being opened when the shutdown began.
    if (openStreams.ending) socket.destroy();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  server.on('connection', track).on('secureConnection', track);
  const closeAllConnections = server.closeAllConnections.bind(server);
  server.closeAllConnections = () => {
    closeAllConnections();
    // The TLS socket is destroyed before the connection below it: to destroy a connection under a TLS socket with pending writes can end
    // the process (SIGSEGV).
    for (const socket of [...sockets].reverse()) socket.destroy();
  };
  return sockets;
}
