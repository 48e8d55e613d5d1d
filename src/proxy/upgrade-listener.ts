import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { keepSocket } from './upgrade.js';

/**
 * Passes upgrade requests through the same hooks and routes as all other requests. Each gets an ordinary response, so that a rejection can
 * be written and ends the connection. The handler may take over the socket instead.
 */
export function listenForUpgrades(app: FastifyInstance): void {
  app.server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket;
    // Node has removed its own listeners. Without one, a reset would end the process.
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    try {
      response.assignSocket(socket);
    } catch {
      // The request was pipelined behind one that has not been answered yet. No upgrade client does that.
      socket.destroy();
      return;
    }
    // Node has removed its own listener. Without one, a large rejection would wait forever.
    socket.on('drain', () => response.emit('drain'));
    response.once('finish', () => socket.destroySoon());
    keepSocket(request, socket, head);
    app.routing(request, response);
  });
}
