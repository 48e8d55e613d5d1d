import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { OpenStreams } from '../../proxy/open-streams.js';

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
