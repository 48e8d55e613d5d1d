import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Scope } from '../../support/scope.js';

/**
 * Starts a server in front of proxies, each of them below a path of one origin. Resolves with the origin.
 *
 * @param ports The port of each proxy by its path, such as `/team/k8s`, asked at each request.
 */
export async function startFront(
  scope: Scope,
  ports: Readonly<Record<string, () => number>>,
): Promise<string> {
  const front = createServer((incoming, outgoing) => {
    const { method, headers, url = '' } = incoming;
    const prefix = Object.keys(ports).find(each => url.startsWith(`${each}/`)) ?? '';
    const forwarded = request(
      { host: '127.0.0.1', port: ports[prefix]?.(), method, path: url.slice(prefix.length), headers },
      answer => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    incoming.pipe(forwarded.on('error', () => outgoing.destroy()));
  });
  await new Promise<void>(resolve => front.listen(0, '127.0.0.1', resolve));
  scope.after(() => {
    front.close();
    front.closeAllConnections();
  });
  return `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
}
