import { connect, type Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { CertificateAuthority } from '../certificates/certificates.js';
import { listen } from '../ports.js';

/** Terminates TLS and forwards the bytes to a plain port, like a load balancer. */
export interface TlsTerminator {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  close(): void;
}

/** Starts a terminator with a certificate of the authority. */
export async function startTlsTerminator(
  authority: CertificateAuthority,
  port: number,
): Promise<TlsTerminator> {
  const { certificate, key } = await authority.server();
  const sockets = new Set<Socket>();
  const server = createServer({ cert: certificate, key }, client => {
    const upstream = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.once('close', () => sockets.delete(one));
      one.pipe(other);
    }
  });
  return {
    url: `https://127.0.0.1:${await listen(server)}`,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
