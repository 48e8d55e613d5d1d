import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { assertStatus, send } from '../../../e2e/leg.js';
import { proxyToken } from '../../../support/identities/two-users.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startGateway } from '../../../support/proxy/stack.js';

test('another path of the server, which it gets during a review, does not bypass the rules', async t => {
  const { server, tokens, proxy, kubeconfig } = await startGateway(t, {
    run: startInProcess,
    flags: ['--authentication-token-webhook', '--reject-paths=^/api/v1/.*/(secrets|exec)'],
    server: { allow: () => true },
  });
  tokens['alice-token'] = { username: 'alice' };
  tokens['next-of-the-proxy'] = { username: 'proxy' };
  let edited: Promise<void> | undefined;
  const edit = async () => {
    const content = await readFile(kubeconfig, 'utf8');
    const next = content.replace(server.url, `${server.url}/c1`).replace(proxyToken, 'next-of-the-proxy');
    await writeFile(`${kubeconfig}.new`, next);
    await rename(`${kubeconfig}.new`, kubeconfig);
  };
  server.intercept(async request => {
    const { url = '', headers } = request;
    if (/tokenreviews$/.test(url) && headers.authorization === `Bearer ${proxyToken}`) {
      delete tokens[proxyToken];
      edited ??= edit();
      await edited;
    }
    request.url = url.replace(/^\/c1/, '');
    return false;
  });
  const headers = ['Authorization: Bearer alice-token'];
  const targets = [
    ['plain', '/c1/api/v1/namespaces/default/secrets/settings'],
    ['websocket', '/c1/api/v1/namespaces/default/pods/web-0/exec?command=true&stdout=true'],
  ] as const;
  const answers = targets.map(([leg, target]) => send(proxy.port, { leg, target, headers }));
  for (const [index, answer] of (await Promise.all(answers)).entries()) {
    const [leg, target] = targets[index] ?? targets[0];
    assert.match(assertStatus(answer, 503, leg), /replaced by another one while the request waited/);
    assertStatus(await send(proxy.port, { leg, target, headers }), 403, leg);
    assert.equal(server.requests.filter(({ rawUrl }) => rawUrl === target).length, 0);
  }
});
