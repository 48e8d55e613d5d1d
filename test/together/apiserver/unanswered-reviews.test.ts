import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { createServer, type RequestOptions, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { assertEnded, assertRunning } from '../../apiserver/client-process.js';
import { test } from '../../apiserver/kubectl-stack.js';
import { StreamGateway } from '../../apiserver/stream-gateway.js';
import { eventually } from '../../support/eventually.js';
import type { ApiServer } from '../../support/kube-apiserver/api-server.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { replaceFile } from '../../support/replaced-file.js';
import type { Scope } from '../../support/scope.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

/** Between a client and a real API server: passes requests on as a member of system:masters, but for those that it answers itself. */
interface Relay {
  /** Path of a kubeconfig for it. */
  readonly kubeconfig: string;
  /** Answers the reviews of access; undefined if the API server does. */
  answer: ((response: ServerResponse) => unknown) | undefined;
}

/** Starts a relay in front of an API server. It ends with the scope. */
async function startRelay(scope: Scope, { url, authority }: ApiServer): Promise<Relay> {
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

const answersOfReviews: readonly ((response: ServerResponse) => unknown)[] = [
  response => response.writeHead(500).end(),
  response => response.writeHead(429, { 'Retry-After': '1' }).end(),
  () => {},
];

test('no stream ends while all reviews are answered with 500, 429 or nothing for three intervals; then a no ends all of them', async (t, server) => {
  await Promise.all(
    answersOfReviews.map(async answer => {
      const user = `ann-${randomUUID()}`;
      const tokens = join(temporaryFolder(), 'tokens.csv');
      await replaceFile(tokens, `token-of-ann,${user},,\n`);
      const relay = await startRelay(t, server);
      const flags = [callersFlag(tokens), '--recheck-streams=10s', '--share-watches'];
      const gateway = await StreamGateway.start(t, server, flags, relay.kubeconfig);
      const answers = (answer: string) =>
        gateway.metric('kube_api_proxy_stream_rechecks_total', { about: 'access', answer });
      const unbind = await gateway.bind(user);
      const streams = await gateway.openAll(['--token=token-of-ann']);
      const before = await answers('unknown');
      relay.answer = answer;
      const unanswered = async () => (await answers('unknown')) - before;
      await eventually('three intervals', async () => (await unanswered()) >= 3 * streams.length, 180_000);
      assertRunning(streams);
      assert.equal(await answers('no'), 0);
      await unbind();
      relay.answer = undefined;
      await assertEnded(streams, /you may no longer do what this stream began with/);
    }),
  );
});
