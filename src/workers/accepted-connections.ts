import type { Server, Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Serves connections that another process accepted. */
export interface ConnectionReceiver {
  take(socket: Socket): void;
}

/**
 * Lets a server that does not listen serve connections as if it had accepted them: its `close` waits for them, and slow heads are cut off.
 * `onClosed` is called for each connection that has ended.
 */
export function receiveConnections(app: FastifyInstance, onClosed: () => void): ConnectionReceiver {
  const server = app.server as Server & { closeIdleConnections?(): void };
  const sockets = new Set<Socket>();
  let whenEmpty: (() => void) | undefined;
  // Node begins to check for slow heads only when a server begins to listen.
  server.emit('listening');
  app.addHook('preClose', async () => {
    server.closeIdleConnections?.();
    if (sockets.size > 0) await new Promise<void>(resolve => (whenEmpty = resolve));
  });
  return {
    take(socket) {
      sockets.add(socket);
      socket.once('close', () => {
        sockets.delete(socket);
        onClosed();
        if (sockets.size === 0) whenEmpty?.();
      });
      // Node's HTTP servers accept half-open connections too: a client may end its side first and still get its answer.
      socket.allowHalfOpen = true;
      server.emit('connection', socket);
    },
  };
}
