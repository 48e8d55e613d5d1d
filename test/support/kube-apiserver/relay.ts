import type { ServerResponse } from 'node:http';
import { createServer, type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import type { Scope } from '../scope.js';
import type { ApiServer } from './api-server.js';

/** Between a client and a real API server: passes requests on as a member of system:masters, but for those that it answers itself. */
export interface Relay {
  /** Path of a kubeconfig for it. */
  readonly kubeconfig: string;
  /** Answers the reviews of access; undefined if the API server does. */
  answer: ((response: ServerResponse) => unknown) | undefined;
}

/** Starts a relay in front of an API server. It ends with the scope. */
export async function startRelay(scope: Scope, { url, authority }: ApiServer): Promise<Relay> {
  const [own, admin] = await Promise.all([authority.server(), authority.client()]);
  const ca = authority.certificate;
  const toServer = (from: Pick<RequestOptions, 'method' | 'headers'> & { url?: string | undefined }) =>
    request(url + from.url, {
      ...{ method: from.method, headers: from.headers, agent: false },
      ...{ ca, cert: admin.certificate, key: admin.key },
    });
  const server = createServer({ cert: own.certificate, key: own.key }, (message, response) => {
    if (relay.answer !== undefined && message.url?.endsWith('/selfsubjectaccessreviews')) {
      relay.answer(response);
      return;
    }
    const onward = toServer(message);
    onward.on('response', answer => {
      response.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
      response.flushHeaders();
      pipeline(answer, response, () => {});
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    message.pipe(onward);
  });
  server.on('upgrade', (message, socket, head) => {
    const onward = toServer(message);
    // The program may be killed before the API server has answered.
    socket.on('error', () => onward.destroy());
    onward.on('upgrade', ({ rawHeaders }, upstream, first) => {
      const fields = rawHeaders.map((text, index) => text + (index % 2 === 0 ? ': ' : '\r\n')).join('');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`);
      socket.write(first);
      upstream.write(head);
      // Whatever has come before one end closes still reaches the other one.
      pipeline(socket, upstream, socket, () => {});
    });
    onward.on('error', () => socket.destroy());
    onward.on('response', () => socket.destroy());
    onward.end();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  scope.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const { path } = await writeKubeconfig({
    ...{ server: `https://127.0.0.1:${port}`, ca },
    ...{ certificate: admin.certificate, key: admin.key },
  });
  const relay: Relay = { kubeconfig: path, answer: undefined };
  return relay;
}
