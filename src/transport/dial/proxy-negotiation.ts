import type net from 'node:net';
import type { ProxyConfig } from './proxy-url.js';

/** The server at the far end of a tunnel. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Asks the proxy at the other end of a fresh connection for a tunnel to `server`. It may call `done` more than once; only the first call
 * counts. The caller must handle errors and the close of the socket.
 */
export type Negotiation = (
  socket: net.Socket,
  proxy: ProxyConfig,
  server: Target,
  done: (error: Error | null) => void,
) => void;
