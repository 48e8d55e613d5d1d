import { createRequire } from 'node:module';
import type Socks from 'socks';
import { proxyRefused } from './proxy-error.js';
import { authorityOf, type Negotiation } from './proxy-url.js';

/**
 * Loads the SOCKS library. Few users need it, and it takes 1 MB of an idle process and 3 % of a start. It must be loaded before the first connection, because
 * a process without free file descriptors cannot load a file.
 */
export function loadSocks(): typeof Socks {
  return createRequire(import.meta.url)('socks') as typeof Socks;
}

/**
 * Asks a SOCKS5 proxy for a tunnel (RFC 1928; user name and password by RFC 1929). The proxy resolves host names. Bytes that follow its
 * success reply come from the API server and stay in the socket.
 */
export const negotiateSocks: Negotiation = (socket, proxy, server, done) => {
  // The library's errors contain its options, which include the password. So only their messages are used.
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
      // The library has queued a setImmediate before this event. It emits the bytes that were read too early, and resumes the socket.
      socket.on('data', keep);
      setImmediate(() => {
        socket.off('data', keep);
        // As in Node's http when it hands over a socket: neither flowing nor paused, so that the next reader starts it.
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
