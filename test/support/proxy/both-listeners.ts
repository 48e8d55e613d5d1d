import { once } from 'node:events';
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { createServingFiles } from '../certificates/serving-files.js';
import type { Scope } from '../scope.js';
import type { StrictUpstream } from '../upstreams/strict-upstream.js';
import { hasTls } from './encrypted.js';
import { type ProxyProcess, startProxy } from './proxy.js';

/** Two processes of the built program, with one API server. */
export interface BothListeners {
  /** Serves plain HTTP. */
  readonly plain: ProxyProcess;
  /** Serves TLS. */
  readonly secure: ProxyProcess;
  /** PEM of the authority of the serving certificate, for clients. */
  readonly ca: string;
}

/** Their names. Where no feature has a listener, only the core's own is worth a test. */
export const listeners: readonly ('plain' | 'secure')[] = hasTls ? ['plain', 'secure'] : ['plain'];

/** Starts both programs. They end with the scope, and the upstream ends after them. */
export async function startBothListeners(scope: Scope, upstream: StrictUpstream): Promise<BothListeners> {
  const files = await createServingFiles();
  const kubeconfig = await upstream.writeKubeconfig();
  const flag = `--kubeconfig=${kubeconfig.path}`;
  const started = Promise.all([startProxy([flag]), startProxy([flag, ...files.flags])]);
  scope.after(async () => {
    for (const proxy of await started) await proxy.stop('SIGKILL');
    await upstream.stop();
  });
  const [plain, secure] = await started;
  return { plain, secure, ca: files.authority.certificate };
}

/** A client's connection for HTTP/1.1. The client may close its side before it has read everything. */
export interface ClientConnection {
  readonly socket: net.Socket;
  /** Resets the TCP connection. */
  reset(): void;
}

/** Connects to one of the two programs. */
export async function connectTo(
  { plain, secure, ca }: BothListeners,
  listener: 'plain' | 'secure',
): Promise<ClientConnection> {
  const { port } = listener === 'plain' ? plain : secure;
  const below = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  below.on('error', () => {});
  await once(below, 'connect');
  const reset = () => void below.resetAndDestroy();
  if (listener === 'plain') return { socket: below, reset };
  const socket = tls.connect({
    socket: streamOver(below),
    ca,
    servername: 'localhost',
    ALPNProtocols: ['http/1.1'],
  });
  socket.on('error', () => {});
  // Node does not notice a reset that comes before it has sent its session tickets.
  await Promise.all([once(socket, 'secureConnect'), once(socket, 'session')]);
  return { socket, reset };
}

/** The bytes of a connection as a plain stream. To reset a connection directly below TLS could end the process (SIGSEGV). */
function streamOver(below: net.Socket): Duplex {
  const stream = new Duplex({
    read: () => void below.resume(),
    write: (chunk, _encoding, done) => void below.write(chunk, done),
    final: done => void below.end(done),
    destroy(error, done) {
      below.destroy();
      done(error);
    },
  });
  below
    .on('data', chunk => {
      if (!stream.push(chunk)) below.pause();
    })
    .once('end', () => stream.push(null))
    .once('close', () => stream.destroy());
  return stream;
}
