import net from 'node:net';
import tls from 'node:tls';
import { codedError } from '../../lib/connection-failure.js';
import { connectByName } from './name-lookup.js';
import { negotiateConnect } from './proxy-connect.js';
import { proxyUnusable } from './proxy-error.js';
import { negotiateSocks } from './proxy-socks.js';
import type { ProxyConfig, Target } from './proxy-url.js';

/** A tunnel, and the settings for opening it. */
export interface TunnelOptions {
  readonly proxy: ProxyConfig;
  readonly server: Target;
  /** TCP keep-alive period in milliseconds, 0 for none. */
  readonly keepAlive: number;
  /** Limit in milliseconds until the proxy has opened the tunnel. */
  readonly timeout: number;
}

/**
 * Opens a TCP connection to the API server through a proxy. The callback is called later and exactly once: with a socket without listeners,
 * or with an UpstreamError that names the proxy. `destroy` ends the connection in any state.
 */
export function openTunnel(
  { proxy, server, keepAlive, timeout }: TunnelOptions,
  callback: (error: Error | null, socket: net.Socket | null) => void,
): { destroy(): void } {
  const negotiate = proxy.protocol === 'socks5:' ? negotiateSocks : negotiateConnect;
  const socket = proxy.protocol === 'https:' ? connectTls(proxy) : connectPlain(proxy);
  const ready = proxy.protocol === 'https:' ? 'secureConnect' : 'connect';
  let settled = false;

  const done = (error: Error | null): void => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    socket.off(ready, onReady).off('error', onError).off('close', onClose).off('end', onClose);
    if (error !== null) socket.on('error', () => {}).destroy();
    callback(error, error === null ? socket : null);
  };
  const fail = (code: string, message: string) => done(proxyUnusable(proxy, codedError(code, message)));
  const onReady = () => negotiate(socket, proxy, server, done);
  const onError = (error: Error) => done(proxyUnusable(proxy, error));
  const onClose = () => fail('ECONNRESET', 'closed while connecting');
  const timer = setTimeout(() => fail('ETIMEDOUT', `no tunnel within ${timeout} ms`), timeout);

  socket.once('connect', () => {
    socket.setNoDelay(true);
    socket.setKeepAlive(keepAlive > 0, keepAlive);
  });
  // With `allowHalfOpen`, a socket does not close when the proxy ends it.
  socket.once(ready, onReady).on('error', onError).once('close', onClose).once('end', onClose);
  return socket;
}

function connectPlain({ hostname, port }: ProxyConfig): net.Socket {
  return connectByName(lookup => net.connect({ host: hostname, port, lookup, allowHalfOpen: true }));
}

/** The public authorities verify the proxy: those of Node, and of NODE_EXTRA_CA_CERTS. */
function connectTls({ hostname, port }: ProxyConfig): net.Socket {
  const options: tls.ConnectionOptions & { allowHalfOpen: boolean } = {
    host: hostname,
    port,
    allowHalfOpen: true,
    // SNI must not carry an IP address (RFC 6066, section 3). Without SNI, Node verifies the host.
    servername: net.isIP(hostname) === 0 ? hostname : '',
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1'],
  };
  return connectByName(lookup => tls.connect({ ...options, lookup }));
}
