import { constants } from 'node:crypto';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { createServer, type Server as TlsServer } from 'node:tls';
import { includesAll } from './client-certificate/authorities.js';
import { keepPeers, peerOf } from './client-certificate/peer.js';
import { Handshakes } from './handshakes.js';
import { Http2Sessions, type Http2SessionsOptions } from './http2-sessions.js';
import type { TlsFiles } from './tls-files.js';

/** What a TLS listener is made from. */
export interface SecureServerOptions extends Http2SessionsOptions {
  /** Read at every connection: new connections use rotated files. */
  readonly files: { readonly current: TlsFiles };
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** For ALPN, the preferred one first. */
  readonly protocols: readonly ('h2' | 'http/1.1')[];
  /** A TLS handshake failed. */
  readonly onHandshakeError: (error: Error, remoteAddress: string | undefined) => void;
}

/**
 * The suites of TLS 1.3, and those of TLS 1.2 with forward secrecy and authenticated encryption. Every HTTP/2 client has them (RFC 9113,
 * section 9.2.2).
 */
const ciphers = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/**
 * Makes a server speak TLS. It remains the server that listens, so its connections are tracked as before. Each version of the files gets a
 * TLS server of its own, which knows no sessions of earlier ones. ALPN chooses between HTTP/2 and HTTP/1.1. The server emits
 * `secureConnection` for each connection whose handshake is done; a listener may destroy it.
 */
export function serveTls(server: Server, options: SecureServerOptions): void {
  const serveHttp1 = server.listeners('connection') as ((socket: Socket) => void)[];
  server.removeAllListeners('connection');
  const sessions = new Http2Sessions(server, options);
  if (options.files.current.clientAuthorities !== undefined) {
    // If a client's certificate was verified against other authorities than the current ones, the client has to send it again.
    server.prependListener('request', ({ socket }, response) => {
      const peer = peerOf(socket);
      if (peer === undefined) return;
      if (!includesAll(options.files.current.clientAuthorities, peer.authorities)) {
        response.shouldKeepAlive = false;
      }
    });
  }
  const handshakes = new Handshakes();
  let files: TlsFiles | undefined;
  let current: TlsServer | undefined;
  server.on('connection', (socket: Socket) => {
    if (current === undefined || files !== options.files.current) {
      files = options.files.current;
      const { clientAuthorities } = files;
      current = createTlsServer(files, options, server.headersTimeout);
      current.on('tlsClientError', (error, secured) => {
        options.onHandshakeError(error, secured.remoteAddress);
        handshakes.failed(error, secured);
      });
      if (clientAuthorities !== undefined) keepPeers(current, clientAuthorities);
      current.on('secureConnection', secured => {
        handshakes.succeeded(secured);
        server.emit('secureConnection', secured);
        if (secured.destroyed) return;
        if (secured.alpnProtocol === 'h2') sessions.accept(secured);
        else for (const serve of serveHttp1) serve.call(server, secured);
      });
    }
    handshakes.begin(socket);
    current.emit('connection', socket);
  });
}

/** Makes the TLS server for one version of the files. `handshakeTimeout` is in milliseconds. */
function createTlsServer(
  { pair, clientAuthorities }: TlsFiles,
  { minVersion, protocols }: SecureServerOptions,
  handshakeTimeout: number,
): TlsServer {
  return createServer({
    cert: pair.certificate,
    key: pair.key,
    minVersion,
    ciphers,
    handshakeTimeout,
    // A second handshake on a connection could change things, such as the client certificate.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(clientAuthorities !== undefined && {
      // Sessions are not resumed: OpenSSL keeps only the client's own certificate in a session, and does not verify it again.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET,
      // A client certificate is requested, not required: there are other ways to authenticate. Node's own roots are not trusted here.
      requestCert: true,
      rejectUnauthorized: false,
      ca: clientAuthorities.pem,
      // As in Go's pool: an intermediate in the file is trusted without its root.
      allowPartialTrustChain: true,
    }),
    ALPNProtocols: [...protocols],
  });
}
