import net from 'node:net';
import tls from 'node:tls';
import type { ServerAddress } from '../kubeconfig/types.js';
import { UpstreamError } from './upstream-error.js';

/** client-go dials for at most 30 s and then shakes hands for at most 10 s (`rest/transport`, net/http's defaults). */
const connectTimeout = 30_000;
const handshakeTimeout = 10_000;

/** What an opened connection is to the one who asked for it: exactly one call, with an error or a ready socket. */
type DialCallback = (error: Error | null, socket: net.Socket | null) => void;

/** Opens one connection to the API server, TLS handshake and verification of the server included. */
export type Dial = (callback: DialCallback) => net.Socket;

/** How the API server is reached and verified, for as long as one set of credentials is in use. */
export interface DialOptions {
  readonly server: ServerAddress;
  /** Trusted authorities and the client's certificate; unused for an http:// server. */
  readonly secureContext: tls.SecureContext;
  readonly insecureSkipTlsVerify: boolean;
  /** Name to ask for and to verify instead of the host name. */
  readonly tlsServerName?: string | undefined;
  /** TCP keep-alive period in milliseconds, 0 for none: it is what finds a peer that has silently gone. */
  readonly keepAlive: number;
}

/** A dialler that resumes TLS sessions, so that every connection after the first is cheaper. */
export function createDial(options: DialOptions): Dial {
  return options.server.protocol === 'https:' ? createTlsDial(options) : createPlainDial(options);
}

function createPlainDial({ server, keepAlive }: DialOptions): Dial {
  return callback => {
    const socket = net.connect({ host: server.hostname, port: server.port, allowHalfOpen: true });
    settle(socket, 'connect', keepAlive, callback);
    return socket;
  };
}

function createTlsDial(options: DialOptions): Dial {
  const { server, insecureSkipTlsVerify, tlsServerName, secureContext, keepAlive } = options;
  const name = tlsServerName ?? server.hostname;
  let session: Buffer | undefined;
  return callback => {
    const connection: tls.ConnectionOptions & { allowHalfOpen: boolean } = {
      host: server.hostname,
      port: server.port,
      allowHalfOpen: true,
      secureContext,
      // SNI never carries an address (RFC 6066, section 3); verification still wants it.
      servername: net.isIP(name) === 0 ? name : '',
      checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
      rejectUnauthorized: !insecureSkipTlsVerify,
      ALPNProtocols: ['http/1.1'],
    };
    if (session !== undefined) connection.session = session;
    const socket = tls.connect(connection);
    // Node does not check the name again on a resumed session: only one that passed the check may be resumed.
    socket.on('session', fresh => {
      if (socket.authorized || insecureSkipTlsVerify) session = fresh;
    });
    settle(socket, 'secureConnect', keepAlive, callback);
    return socket;
  };
}

/** Calls back once, and takes its own listeners off again before the socket changes hands. */
function settle(
  socket: net.Socket,
  ready: 'connect' | 'secureConnect',
  keepAlive: number,
  callback: DialCallback,
): void {
  const done = (error: Error | null) => {
    socket.off(ready, onReady).off('error', done).off('timeout', onTimeout).off('close', onClose);
    socket.setTimeout(0);
    if (error === null) callback(null, socket);
    else {
      socket.on('error', () => {}).destroy();
      callback(error, null);
    }
  };
  const onReady = () => done(null);
  const onTimeout = () =>
    done(new UpstreamError(504, 'timeout', 'the API server does not accept the connection in time'));
  const onClose = () => done(Object.assign(new Error('closed while connecting'), { code: 'ECONNRESET' }));
  socket.setTimeout(connectTimeout);
  socket.once('connect', () => {
    socket.setTimeout(ready === 'connect' ? 0 : handshakeTimeout);
    socket.setNoDelay(true);
    socket.setKeepAlive(keepAlive > 0, keepAlive);
  });
  socket.once(ready, onReady).once('error', done).once('timeout', onTimeout).once('close', onClose);
}
