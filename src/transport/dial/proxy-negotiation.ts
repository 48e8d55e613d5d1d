import type net from 'node:net';
import type { ProxyConfig } from './proxy-url.js';

/** The far end of a tunnel. */
export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Brings a proxy from a fresh connection to one that leads to `server`. It may call `done` more than once, the first
 * counts; that the socket fails or closes is the caller's to see.
 */
export type Negotiation = (
  socket: net.Socket,
  proxy: ProxyConfig,
  server: Target,
  done: (error: Error | null) => void,
) => void;
