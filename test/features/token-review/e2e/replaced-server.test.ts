import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import { bothLegs, probe } from '../../../e2e/credential-probe.js';
import { assertStatus, send } from '../../../e2e/leg.js';
import { eventually } from '../../../support/eventually.js';
import { writeExecPlugin } from '../../../support/identities/exec-plugin.js';
import { proxyToken } from '../../../support/identities/two-users.js';
import { adminAddress } from '../../../support/proxy/admin-listener.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startGateway } from '../../../support/proxy/stack.js';

/** A TokenReview that waits at the API server until the test answers it. */
interface WaitingReview {
  readonly path: string;
  readonly answer: () => void;
}

test('a second API server’s review of a token does not count for the first one, on either leg', async t => {
  const plugin = await writeExecPlugin();
  t.after(() => plugin.remove());
  // The credential has already expired when it comes, so it is used for one second.
  await plugin.answer({ token: 'token-of-the-plugin', expirationTimestamp: '2020-01-01T00:00:00Z' });
  // Two clusters behind one host; only the second one knows alice.
  const { server, tokens, proxy, kubeconfig } = await startGateway(t, {
    run: startInProcess,
    flags: [
      '--authentication-token-webhook',
      '--append-server-path',
      '--admin-port=0',
      '--admin-address=127.0.0.1',
    ],
    serverPath: '/c1',
    server: { allow: () => true },
  });
  tokens['token-of-the-plugin'] = { username: 'proxy' };
  const reviews: WaitingReview[] = [];
  server.intercept(async request => {
    const { url = '' } = request;
    const [path = ''] = /^\/c[12]/.exec(url) ?? [];
    request.url = url.slice(path.length);
    if (!url.endsWith('/tokenreviews')) return false;
    await new Promise<void>(answer => reviews.push({ path, answer }));
    if (path === '/c2') tokens['alice-token'] = { username: 'alice' };
    else delete tokens['alice-token'];
    return false;
  });
  const first = await readFile(kubeconfig, 'utf8');
  const second = parse(first);
  second.clusters[0].cluster.server = second.clusters[0].cluster.server.replace('/c1', '/c2');
  second.users[0].user = { exec: plugin.exec() };
  let reloads = 0;
  const reload = async (content: string) => {
    reloads += 1;
    await writeFile(`${kubeconfig}.new`, content);
    await rename(`${kubeconfig}.new`, kubeconfig);
    const count = () => proxy.log().filter(({ msg }) => msg === 'configuration reloaded').length;
    await eventually('the kubeconfig to be read', () => count() === reloads);
  };
  const address = await adminAddress(proxy);
  const sum = async (pattern: RegExp) => {
    const text = await (await fetch(`http://${address}/metrics`)).text();
    return [...text.matchAll(pattern)].reduce((total, [, value]) => total + Number(value), 0);
  };

  const requests = bothLegs.map(leg =>
    probe(proxy, server, leg, { headers: ['Authorization: Bearer alice-token'] }),
  );
  await eventually('the review at the first server', () => reviews.length === 1);
  const joined = /token_cache_requests_total\{status="hit"\} (\d+)/g;
  await eventually('both to wait for it', async () => (await sum(joined)) === 1);
  await reload(stringify(second));
  reviews[0]?.answer();
  await eventually('the review at the second server', () => reviews.length === 2);
  // From now on no request can be sent there until the waiting plugin returns another credential.
  const release = await plugin.hold();
  const end = Date.now() + 1_000;
  await eventually('the end of the credential', () => Date.now() > end);
  reviews[1]?.answer();
  const judged = /attempts_total\{method="token_review",result="\w+"\} (\d+)/g;
  await eventually('the verdict', async () => (await sum(judged)) === 2);
  assert.deepEqual(
    reviews.map(({ path }) => path),
    ['/c1', '/c2'],
  );
  await reload(first);
  await release();
  for (const [index, { answer, arrived }] of (await Promise.all(requests)).entries()) {
    const leg = bothLegs[index] ?? 'plain';
    assert.deepEqual(
      arrived.map(({ rawUrl, headers }) => [rawUrl, headers['impersonate-user']]),
      [],
      leg,
    );
    assert.match(assertStatus(answer, 503, leg), /replaced by another one while the request waited/);
    assert.equal(answer.headers.get('retry-after'), '1');
  }
});

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
