import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { assertEnded, assertRunning } from '../../apiserver/client-process.js';
import { kubectlServerTest } from '../../apiserver/kubectl-stack.js';
import { StreamGateway } from '../../apiserver/stream-gateway.js';
import { eventually } from '../../support/eventually.js';
import { startRelay } from '../../support/kube-apiserver/relay.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { replaceFile } from '../../support/replaced-file.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const answersOfReviews: readonly ((response: ServerResponse) => unknown)[] = [
  response => response.writeHead(500).end(),
  response => response.writeHead(429, { 'Retry-After': '1' }).end(),
  () => {},
];

kubectlServerTest(
  'no stream ends while all reviews are answered with 500, 429 or nothing for three intervals; then a no ends all of them',
  async (t, server) => {
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
  },
);
