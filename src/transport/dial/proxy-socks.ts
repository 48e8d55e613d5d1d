import { createRequire } from 'node:module';
import type Socks from 'socks';
import { proxyRefused } from './proxy-error.js';
import type { Negotiation } from './proxy-negotiation.js';
import { authorityOf } from './proxy-url.js';

/**
 * Gives the library, which few need: it is 5 MB of an idle process. Called before there is a connection to make, as one that has
 * no file descriptors left can load nothing.
 */
export function loadSocks(): typeof Socks {
  return createRequire(import.meta.url)('socks') as typeof Socks;
}

/**
 * Asks a SOCKS5 proxy for a tunnel (RFC 1928, user name and password by RFC 1929). A host name goes to the proxy as it is;
 * bytes that come right behind the proxy's yes are the API server's, and stay in the socket.
 */
export const negotiateSocks: Negotiation = (socket, proxy, server, done) => {
  // The library's errors carry its options, which hold the password: only their text goes on.
  const refuse = (error: Error) => done(proxyRefused(proxy, authorityOf(server), error.message));
  try {
    const { SocksClient } = loadSocks();
    const client = new SocksClient({
      proxy: {
        host: proxy.hostname,
        port: proxy.port,
        type: 5,
        ...(proxy.credentials === undefined
          ? {}
          : { userId: proxy.credentials.username, password: proxy.credentials.password }),
      },
      command: 'connect',
      destination: { host: server.hostname, port: server.port },
    });
    client.on('error', refuse);
    client.once('established', () => {
      const early: Buffer[] = [];
      const keep = (chunk: Buffer) => early.push(chunk);
      // An immediate of the library's own, queued before this event, emits what it has read too much and resumes the socket.
      socket.on('data', keep);
      setImmediate(() => {
        socket.off('data', keep);
        // As Node's http does when it hands a socket on: neither flowing nor paused, so that the next reader starts it.
        Object.assign(socket, { readableFlowing: null });
        if (early.length > 0) socket.unshift(Buffer.concat(early));
        done(null);
      });
    });
    client.connect(socket);
  } catch (error) {
    refuse(error as Error);
  }
};
