import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { type ProxyProcess, startProxy } from './proxy.js';
import type { Scope } from './scope.js';
import { createServingFiles } from './serving-files.js';
import type { StrictUpstream } from './strict-upstream.js';

/** Two processes of the built program, with one API server. */
export interface BothListeners {
  /** Serves plain HTTP. */
  readonly plain: ProxyProcess;
  /** Serves TLS. */
  readonly secure: ProxyProcess;
  /** PEM of the authority of the serving certificate, for clients. */
  readonly ca: string;
}

/** Starts both programs. They end with the scope, and the upstream ends after them. */
export async function startBothListeners(scope: Scope, upstream: StrictUpstream): Promise<BothListeners> {
  const files = await createServingFiles();
  const kubeconfig = await upstream.writeKubeconfig();
  const flag = `--kubeconfig=${kubeconfig.path}`;
  const started = Promise.all([startProxy([flag]), startProxy([flag, ...files.flags])]);
  scope.after(async () => {
    for (const proxy of await started) await proxy.stop('SIGKILL');
    await upstream.stop();
    await kubeconfig.remove();
    await files.remove();
  });
  const [plain, secure] = await started;
  return { plain, secure, ca: files.authority.certificate };
}

/** Opens a connection for HTTP/1.1. Its client may close its side before it has read everything. */
export type Connect = () => Promise<net.Socket>;

/** How to connect to one of the two programs. */
export function connectTo({ plain, secure, ca }: BothListeners, listener: 'plain' | 'secure'): Connect {
  return async () => {
    const { port } = listener === 'plain' ? plain : secure;
    const below = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    await once(below, 'connect');
    if (listener === 'plain') return below;
    const socket = tls.connect({ socket: below, ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] });
    await once(socket, 'secureConnect');
    connectionsBelow.set(socket, below);
    return socket;
  };
}

const connectionsBelow = new WeakMap<net.Socket, net.Socket>();

/** Resets the TCP connection of a client. */
export function resetBelow(socket: net.Socket): void {
  const below = connectionsBelow.get(socket);
  (below ?? socket).resetAndDestroy();
  if (below !== undefined) socket.destroy();
}
