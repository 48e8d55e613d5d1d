import { X509Certificate } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import type { ServerAddress } from '../../kubeconfig/types.js';
import { UpstreamError } from '../upstream-error.js';
import { loadSocks } from './proxy-socks.js';
import { openTunnel } from './proxy-tunnel.js';
import type { ProxyConfig } from './proxy-url.js';
import { Resumption } from './resumption.js';

/** client-go dials for at most 30 s and then shakes hands for at most 10 s (`rest/transport`, net/http's defaults). */
const connectTimeout = 30_000;
const handshakeTimeout = 10_000;

/** What an opened connection is to the one who asked for it: exactly one call, with an error or a ready socket. */
type DialCallback = (error: Error | null, socket: net.Socket | null) => void;

/**
 * Opens one connection to the API server, TLS handshake and verification of the server included. What it returns ends
 * the connection in any state: the callback gets an error if it had not been called yet. With `onRead`, bytes are put into
 * its buffers instead of new ones; where there is a tunnel they come as `data` events all the same.
 */
export type Dial = (callback: DialCallback, onRead?: net.OnReadOpts) => { destroy(): void };

/** How the API server is reached and verified, for as long as one set of credentials is in use. */
export interface DialOptions {
  readonly server: ServerAddress;
  /** Trusted authorities and the client's certificate; unused for an http:// server. */
  readonly secureContext: () => tls.SecureContext;
  readonly insecureSkipTlsVerify: boolean;
  /** Name to ask for and to verify instead of the host name. */
  readonly tlsServerName?: string | undefined;
  /** What the API server may choose from in the TLS handshake (ALPN). */
  readonly protocols?: readonly ('h2' | 'http/1.1')[];
  /** TCP keep-alive period in milliseconds, 0 for none: it is what finds a peer that has silently gone. */
  readonly keepAlive: number;
  /** The proxy in between, if any. */
  readonly proxy?: ProxyConfig | undefined;
  /** PEM of the authorities that an https:// proxy is verified against; undefined means the well-known ones. */
  readonly proxyAuthority?: string | Buffer | undefined;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** A connection was opened: milliseconds of TCP (or of the tunnel through a proxy), and of TLS if there is any. */
  readonly onConnect?: (connect: number, tls: number | undefined) => void;
}

/** Tells how long the two phases of a successful dial took. */
class DialClock {
  readonly #onConnect: NonNullable<DialOptions['onConnect']>;
  readonly #began = performance.now();
  #connected = 0;

  constructor(onConnect: DialOptions['onConnect'] = () => {}) {
    this.#onConnect = onConnect;
  }

  /** TCP, or the tunnel, is there. */
  connected(): void {
    this.#connected = performance.now();
  }

  /** The connection is ready. */
  ready(hasTls: boolean): void {
    const tlsTime = hasTls ? performance.now() - this.#connected : undefined;
    this.#onConnect(this.#connected - this.#began, tlsTime);
  }
}

/** Gives a connection its TLS: a new one to an address, or the tunnel that is there already. */
type StartTls = (
  over:
    | { readonly host: string; readonly port: number; readonly onread?: net.OnReadOpts }
    | { readonly socket: net.Socket },
) => tls.TLSSocket;

/**
 * A dialler that resumes TLS sessions, so that every connection after the first is cheaper. Through a proxy every server
 * is reached by a tunnel, an http:// one too, where net/http would send an HTTP proxy each request in absolute form:
 * requests and upgrades go one way, and the proxy's credentials never stand among a request's headers.
 */
export function createDial(options: DialOptions): Dial {
  const { server, keepAlive, proxy, proxyAuthority } = options;
  const startTls = server.protocol === 'https:' ? createStartTls(options) : undefined;
  if (proxy === undefined) return createDirectDial(options, startTls);
  if (proxy.protocol === 'socks5:') loadSocks();
  const tunnel = { proxy, server, keepAlive, timeout: connectTimeout, authority: proxyAuthority };
  return callback => {
    const clock = new DialClock(options.onConnect);
    let current = openTunnel(tunnel, (error, socket) => {
      clock.connected();
      if (socket === null || startTls === undefined) {
        if (socket !== null) clock.ready(false);
        callback(error, socket);
        return;
      }
      const secure = startTls({ socket });
      current = secure;
      secure.setTimeout(handshakeTimeout);
      settle(secure, 'secureConnect', clock, callback);
    });
    return { destroy: () => current.destroy() };
  };
}

function createDirectDial(
  { server, keepAlive, onConnect }: DialOptions,
  startTls: StartTls | undefined,
): Dial {
  const address = { host: server.hostname, port: server.port };
  const ready = startTls === undefined ? 'connect' : 'secureConnect';
  return (callback, onread) => {
    const clock = new DialClock(onConnect);
    const reads = onread === undefined ? {} : { onread };
    const socket =
      startTls?.({ ...address, ...reads }) ?? net.connect({ ...address, ...reads, allowHalfOpen: true });
    socket.setTimeout(connectTimeout);
    socket.once('connect', () => {
      clock.connected();
      socket.setTimeout(handshakeTimeout);
      socket.setNoDelay(true);
      socket.setKeepAlive(keepAlive > 0, keepAlive);
    });
    settle(socket, ready, clock, callback);
    return socket;
  };
}

function createStartTls(options: DialOptions): StartTls {
  const { server, insecureSkipTlsVerify, tlsServerName, secureContext, now } = options;
  const { protocols = ['http/1.1'] } = options;
  const name = tlsServerName ?? server.hostname;
  const resumption = new Resumption(now);
  return over => {
    const connection: tls.ConnectionOptions & { allowHalfOpen: boolean } = {
      ...over,
      allowHalfOpen: true,
      secureContext: secureContext(),
      // SNI never carries an address (RFC 6066, section 3); verification still wants it.
      servername: net.isIP(name) === 0 ? name : '',
      checkServerIdentity: (_host, certificate) => checkIdentity(name, certificate),
      rejectUnauthorized: !insecureSkipTlsVerify,
      ALPNProtocols: [...protocols],
    };
    const { ticket } = resumption;
    if (ticket !== undefined) connection.session = ticket;
    const socket = tls.connect(connection);
    // A broken record after the handshake is an error that Node leaves the socket open with, and deaf.
    socket.on('error', () => socket.destroy());
    resumption.follow(socket, !insecureSkipTlsVerify);
    return socket;
  };
}

/** Some releases of Node 22 and 24 find no IPv6 address in any certificate; OpenSSL's own check does. */
function checkIdentity(name: string, certificate: tls.PeerCertificate): Error | undefined {
  if (!net.isIPv6(name)) return tls.checkServerIdentity(name, certificate);
  if (new X509Certificate(certificate.raw).checkIP(name) !== undefined) return undefined;
  return Object.assign(new Error(`the certificate is not for ${name}`), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  });
}

/** Calls back once, and takes its own listeners and the socket's time limit off again before it changes hands. */
function settle(
  socket: net.Socket,
  ready: 'connect' | 'secureConnect',
  clock: DialClock,
  callback: DialCallback,
): void {
  const done = (error: Error | null) => {
    socket.off(ready, onReady).off('error', done).off('timeout', onTimeout).off('close', onClose);
    socket.setTimeout(0);
    if (error === null) {
      clock.ready(ready === 'secureConnect');
      callback(null, socket);
    } else {
      socket.on('error', () => {}).destroy();
      callback(error, null);
    }
  };
  const onReady = () => done(null);
  const onTimeout = () =>
    done(new UpstreamError(504, 'timeout', 'the API server does not accept the connection in time'));
  const onClose = () => done(Object.assign(new Error('closed while connecting'), { code: 'ECONNRESET' }));
  socket.once(ready, onReady).once('error', done).once('timeout', onTimeout).once('close', onClose);
}
