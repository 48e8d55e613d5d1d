import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http';
import type { Http2Response } from '../../../src/features/tls/http2-response.js';
import { serveTls } from '../../../src/features/tls/secure-server.js';
import type { TlsFiles } from '../../../src/features/tls/tls-files.js';
import { sharedIdentity } from '../../support/certificates/certificates.js';
import { listen } from '../../support/ports.js';
import type { Scope } from '../../support/scope.js';

/** A server that speaks TLS as the listener of the program does, and has nothing else of it. */
export interface SecureServer {
  readonly server: Server;
  readonly port: number;
  /** PEM of the authority of its certificate. */
  readonly ca: string;
  readonly handshakeErrors: readonly Error[];
  /** What clients sent too often. */
  readonly abuses: readonly string[];
}

/** Answers requests; over HTTP/2 the answer is an Http2Response. */
export type Answer = (...parts: Parameters<RequestListener>) => void;

/** Starts it until the scope ends. Its clients may have certificates of these authorities. */
export async function startSecureServer(
  scope: Scope,
  answer: Answer,
  serverOptions: ServerOptions = {},
  clientAuthorities: () => TlsFiles['clientAuthorities'] = () => undefined,
  authenticates = false,
): Promise<SecureServer> {
  const { authority, serverCertificate } = await sharedIdentity();
  const pair = {
    certificate: Buffer.from(serverCertificate.certificate),
    key: Buffer.from(serverCertificate.key),
    notAfter: new Date(),
  };
  const [handshakeErrors, abuses]: [Error[], string[]] = [[], []];
  const server = createServer(serverOptions, answer);
  serveTls(server, {
    files: {
      get current() {
        return { pair, clientAuthorities: clientAuthorities() };
      },
    },
    authenticates,
    ...{ patience: 20_000, minVersion: 'TLSv1.2', protocols: ['h2', 'http/1.1'] },
    onHandshakeError: error => handshakeErrors.push(error),
    onAbuse: reason => abuses.push(reason),
  });
  const port = await listen(server);
  scope.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { server, port, ca: authority.certificate, handshakeErrors, abuses };
}

/** The answer as what it is over HTTP/2. */
export function overHttp2(response: Parameters<Answer>[1]): Http2Response {
  return response as unknown as Http2Response;
}
