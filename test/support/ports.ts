import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { Scope } from './scope.js';
import { openSockets } from './upstreams/open-sockets.js';

/** Lets a server listen on a free port of 127.0.0.1, and returns the port. */
export async function listen(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The same until the scope ends, and its connections with it. */
export function listenFor(scope: Scope, server: net.Server): Promise<number> {
  const sockets = openSockets(server);
  scope.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return listen(server);
}

/** A port that is free now, for a program that listens on it next. Another process may be quicker. Rejects if nothing can listen there. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  const listener = net.createServer().listen(0, host);
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}

/** A port of 127.0.0.1 that refuses connections until the scope ends. A client's open connection uses it, so nothing can listen on it. */
export async function refusingPort(scope: Scope): Promise<number> {
  const listener = net.createServer();
  const port = await listen(listener);
  const accepted = once(listener, 'connection');
  const client = net.connect(port, '127.0.0.1');
  const [[peer]] = await Promise.all([accepted as Promise<[net.Socket]>, once(client, 'connect')]);
  scope.after(() => {
    client.destroy();
    peer.destroy();
    listener.close();
  });
  return client.localPort as number;
}
