import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import { listenFor } from '../ports.js';
import type { Scope } from '../scope.js';
import { clientFile } from './javascript-client.js';
import { seen, startKubectl } from './kubectl.js';

/** The package with which Freelens sends the requests of its page on. */
export const freelensProxy = 'http-proxy-node16';

interface HttpProxy {
  web(request: IncomingMessage, response: ServerResponse, options: object): void;
}

/**
 * Starts what is between the page of Freelens and a cluster, with the package and the options of Freelens: a server for its page, and behind
 * it a proxy that has the kubeconfig. Freelens' own one is the handler of kubectl proxy, in a program of its own. Returns the server's port.
 */
export async function startFreelens(scope: Scope, kubeconfig: string): Promise<number> {
  const load = createRequire(clientFile(freelensProxy, 'package.json'));
  const { createProxy } = load(freelensProxy) as { createProxy(): HttpProxy };
  const path = '/0123456789abcdef';
  const args = ['proxy', '--port=0', '--disable-filter', `--api-prefix=${path}/`, '--kubeconfig', kubeconfig];
  const kubectl = startKubectl(args, {});
  const exited = once(kubectl, 'exit');
  scope.after(() => kubectl.kill() && exited);
  const port = Number((await seen(kubectl, /127\.0\.0\.1:(\d+)/))[1]);
  const proxy = createProxy();
  const below = ({ url = '' }: IncomingMessage) => url.replace('/api-kube', '');
  const server = createServer((request, response) => {
    delete request.headers.authorization;
    request.url = below(request);
    const target = { protocol: 'http:', host: '127.0.0.1', port, path };
    proxy.web(request, response, {
      target,
      changeOrigin: true,
      timeout: 30_000,
      headers: { Host: '127.0.0.1' },
    });
  });
  // As Freelens itself does: without the package, and with all fields but these two.
  server.on('upgrade', (request, socket, head) => {
    const upstream = net.connect(port, '127.0.0.1');
    upstream.write(`${request.method} ${path}${below(request)} HTTP/1.1\r\nHost: 127.0.0.1\r\n`);
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const [name = '', value] = request.rawHeaders.slice(at);
      if (name !== 'Host' && name !== 'Authorization') upstream.write(`${name}: ${value}\r\n`);
    }
    upstream.write('\r\n');
    upstream.write(head);
    upstream.pipe(socket).on('error', () => upstream.destroy());
    socket.pipe(upstream).on('error', () => socket.destroy());
  });
  return listenFor(scope, server);
}
