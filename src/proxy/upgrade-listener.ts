import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { keepSocket } from './upgrade.js';

/**
 * Sends an upgrade request through the same hooks and routes as every other request. It gets an ordinary response, so that a rejection
 * can be written and ends the connection; its handler may take the socket over instead.
 */
export function listenForUpgrades(app: FastifyInstance): void {
  app.server.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
    const socket = duplex as Socket;
    // Node has taken its own listeners off; without one, a reset would end the process.
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    try {
      response.assignSocket(socket);
    } catch {
      // It was pipelined behind a request that has not been answered; no client of an upgrade does that.
      socket.destroy();
      return;
    }
    // Node has taken its own listener off, without which a large refusal would wait for ever.
    socket.on('drain', () => response.emit('drain'));
    response.once('finish', () => socket.destroySoon());
    keepSocket(request, socket, head);
    app.routing(request, response);
  });
}
