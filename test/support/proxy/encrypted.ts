import net from 'node:net';
import tls from 'node:tls';
import { features } from '../../../src/features.js';

/** Whether the program can serve TLS and HTTP/2: a feature has a listener. The core's own serves plain HTTP/1.1. */
export const hasTls = (features as readonly object[]).some(feature => 'listener' in feature);

/** Marks a test of the core over TLS or HTTP/2, which is skipped where no feature has a listener. */
export const encrypted = { skip: !hasTls && 'no feature has a listener' };

/** Connects to a program that was started with serving files: by TLS, or else as its listener is. */
export function connectToListener({ port, ca }: { readonly port: number; readonly ca: string }): net.Socket {
  return hasTls ? tls.connect({ host: '127.0.0.1', port, ca }) : net.connect(port, '127.0.0.1');
}
