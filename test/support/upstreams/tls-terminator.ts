import { connect } from 'node:net';
import { pipeline } from 'node:stream';
import { createServer } from 'node:tls';
import type { CertificateAuthority } from '../certificates/certificates.js';
import { listenFor } from '../ports.js';
import type { Scope } from '../scope.js';

/** Terminates TLS with a certificate of the authority and forwards the bytes to a plain port, like a load balancer. Returns its URL. */
export async function startTlsTerminator(
  scope: Scope,
  authority: CertificateAuthority,
  port: number,
): Promise<string> {
  const { certificate: cert, key } = await authority.server();
  const server = createServer({ cert, key }, client => {
    const upstream = connect(port, '127.0.0.1');
    pipeline(client, upstream, client, () => {});
  });
  return `https://127.0.0.1:${await listenFor(scope, server)}`;
}
