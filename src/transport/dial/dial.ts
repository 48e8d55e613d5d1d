import { X509Certificate } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { Credential } from '../../credentials/credential.js';
import type { ServerAddress } from '../../kubeconfig/types.js';
import { codedError } from '../../lib/connection-failure.js';
import { UpstreamError } from '../upstream-error.js';
import { connectByName, type RefuseAddress } from './name-lookup.js';
import { loadSocks } from './proxy-socks.js';
import { openTunnel } from './proxy-tunnel.js';
import type { ProxyConfig } from './proxy-url.js';
import { Resumption } from './resumption.js';

/** client-go's limits: 30 s to connect, then 10 s for the TLS handshake (`rest/transport`, net/http's defaults). */
const connectTimeout = 30_000;
const handshakeTimeout = 10_000;

/** Called exactly once: with an error, or with a socket that is ready for use. */
type DialCallback = (error: Error | null, socket: net.Socket | null) => void;

/**
 * Opens one connection to the API server, including the TLS handshake and the verification of the server. The returned `destroy` ends the
 * connection in any state; if the callback has not been called before, it gets an error. With `onRead`, bytes are read into its buffers
 * instead of new ones. Through a tunnel, bytes come as `data` events even with `onRead`.
 */
export type Dial = (callback: DialCallback, onRead?: net.OnReadOpts) => { destroy(): void };

/** How to reach and verify the API server, with one set of credentials. */
export interface DialOptions {
  readonly server: ServerAddress;
  /** Trusted authorities and the client certificate; not used for an http:// server. */
  readonly secureContext: () => tls.SecureContext;
  readonly insecureSkipTlsVerify: boolean;
  /** The name for SNI and verification, in place of the host name. */
  readonly tlsServerName?: string | undefined;
  /** The protocols that the TLS handshake offers (ALPN). */
  readonly protocols?: readonly ('h2' | 'http/1.1')[];
  /** TCP keep-alive period in milliseconds; 0 turns it off. Keep-alive detects a peer that has vanished. */
  readonly keepAlive: number;
  /** The proxy on the way to the server, if any. */
  readonly proxy?: ProxyConfig | undefined;
  /**
   * Judges each address that a connection may go to, also where the host is one. Then no proxy is used, because a proxy would look the name
   * up.
   */
  readonly refuseAddress?: RefuseAddress | undefined;
  /**
   * Called for each opened connection, with the milliseconds that TCP (or the tunnel through a proxy) took, and those of TLS if there is
   * any.
   */
  readonly onConnect?: (connect: number, tls: number | undefined) => void;
}

/**
 * Returns a function that creates the TLS settings for the API server: trusted authorities and client certificate. A kubeconfig without an
 * authority means the public ones (Node's bundled roots, and those of NODE_EXTRA_CA_CERTS). The settings are created for the first
 * connection, because Node 20 reads its bundled roots even when there is an authority; that takes 20 ms which a start need not wait for.
 */
export function lazySecureContext(
  authority: Buffer | undefined,
  { clientCertificate }: Credential,
): () => tls.SecureContext {
  let context: tls.SecureContext | undefined;
  return () => {
    context ??= tls.createSecureContext({
      ...(authority === undefined ? {} : { ca: authority }),
      ...(clientCertificate === undefined
        ? {}
        : { cert: clientCertificate.certificate, key: clientCertificate.key }),
    });
    return context;
  };
}

/** Starts TLS: on a new connection to an address, or in a tunnel that is already open. */
type StartTls = (over: tls.ConnectionOptions & { readonly onread?: net.OnReadOpts }) => tls.TLSSocket;

/**
 * Creates a dialler that resumes TLS sessions, so that later connections cost less. Through a proxy, every server is reached by a tunnel,
 * even an http:// server; net/http would send an HTTP proxy each of its requests in absolute form. With a tunnel, requests and upgrades go
 * the same way, and the proxy's credentials are never among a request's headers.
 */
export function createDial(options: DialOptions): Dial {
  const { server, keepAlive, proxy, refuseAddress } = options;
  const startTls = server.protocol === 'https:' ? createStartTls(options) : undefined;
  if (proxy === undefined || refuseAddress !== undefined) return createDirectDial(options, startTls);
  if (proxy.protocol === 'socks5:') loadSocks();
  const tunnel = { proxy, server, keepAlive, timeout: connectTimeout };
  return callback => {
    const began = performance.now();
    let current = openTunnel(tunnel, (error, socket) => {
      const connected = performance.now();
      if (socket === null || startTls === undefined) {
        if (socket !== null) options.onConnect?.(connected - began, undefined);
        callback(error, socket);
        return;
      }
      const secure = startTls({ socket });
      current = secure;
      secure.setTimeout(handshakeTimeout);
      settle(secure, 'secureConnect', callback, () =>
        options.onConnect?.(connected - began, performance.now() - connected),
      );
    });
    return { destroy: () => current.destroy() };
  };
}

function createDirectDial(
  { server, keepAlive, refuseAddress, onConnect }: DialOptions,
  startTls: StartTls | undefined,
): Dial {
  const address = { host: server.hostname, port: server.port };
  const ready = startTls === undefined ? 'connect' : 'secureConnect';
  return (callback, onread) => {
    const began = performance.now();
    let connected = began;
    const reads = onread === undefined ? {} : { onread };
    // Node looks no address up.
    const refusal = net.isIP(server.hostname) === 0 ? undefined : refuseAddress?.(server.hostname);
    const open = (lookup: net.LookupFunction) => {
      const to = { ...address, ...reads, lookup };
      return startTls?.(to) ?? net.connect({ ...to, allowHalfOpen: true });
    };
    const socket =
      refusal === undefined ? connectByName(open, refuseAddress) : new net.Socket().destroy(refusal);
    socket.setTimeout(connectTimeout);
    socket.once('connect', () => {
      connected = performance.now();
      socket.setTimeout(handshakeTimeout);
      socket.setNoDelay(true);
      socket.setKeepAlive(keepAlive > 0, keepAlive);
    });
    settle(socket, ready, callback, () =>
      onConnect?.(connected - began, startTls && performance.now() - connected),
    );
    return socket;
  };
}

function createStartTls(options: DialOptions): StartTls {
  const { server, insecureSkipTlsVerify, tlsServerName, secureContext } = options;
  const { protocols = ['http/1.1'] } = options;
  const name = tlsServerName ?? server.hostname;
  const resumption = new Resumption();
  return over => {
    const connection: tls.ConnectionOptions & { allowHalfOpen: boolean } = {
      ...over,
      allowHalfOpen: true,
      secureContext: secureContext(),
      // SNI must not carry an IP address (RFC 6066, section 3). The address is verified even so.
      servername: net.isIP(name) === 0 ? name : '',
      checkServerIdentity: (_host, certificate) => checkIdentity(name, certificate),
      rejectUnauthorized: !insecureSkipTlsVerify,
      ALPNProtocols: [...protocols],
    };
    const { ticket } = resumption;
    if (ticket !== undefined) connection.session = ticket;
    const socket = tls.connect(connection);
    // After a broken TLS record, Node emits an error but leaves the socket open, and it reads nothing more.
    socket.on('error', () => socket.destroy());
    resumption.follow(socket, !insecureSkipTlsVerify);
    return socket;
  };
}

/** Some releases of Node 22 and 24 find no IPv6 address in any certificate. OpenSSL's own check finds it. */
function checkIdentity(name: string, certificate: tls.PeerCertificate): Error | undefined {
  if (!net.isIPv6(name)) return tls.checkServerIdentity(name, certificate);
  if (new X509Certificate(certificate.raw).checkIP(name) !== undefined) return undefined;
  return codedError('ERR_TLS_CERT_ALTNAME_INVALID', `the certificate is not for ${name}`);
}

/** Calls back once. Before that it removes its own listeners and the socket's timeout. */
function settle(
  socket: net.Socket,
  ready: 'connect' | 'secureConnect',
  callback: DialCallback,
  onSuccess: () => void,
): void {
  const done = (error: Error | null) => {
    socket.off(ready, onReady).off('error', done).off('timeout', onTimeout).off('close', onClose);
    socket.setTimeout(0);
    if (error === null) {
      onSuccess();
      callback(null, socket);
    } else {
      socket.on('error', () => {}).destroy();
      callback(error, null);
    }
  };
  const onReady = () => done(null);
  const onTimeout = () =>
    done(new UpstreamError(504, 'timeout', 'the API server does not accept the connection in time'));
  const onClose = () => done(codedError('ECONNRESET', 'closed while connecting'));
  socket.once(ready, onReady).once('error', done).once('timeout', onTimeout).once('close', onClose);
}
