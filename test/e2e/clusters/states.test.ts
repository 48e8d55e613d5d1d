import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ClusterState } from '../../../src/clusters/states.js';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { eventually, eventuallyPasses } from '../../support/eventually.js';
import { callersFlag } from '../../support/proxy/callers.js';
import { clusterStates, untilState } from '../../support/proxy/cluster-states.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import {
  addContext,
  arn,
  missingFile,
  mountOf,
  rancherPath,
  startManyClusters,
  startManyStack,
  tokenOf,
  which,
} from '../../support/proxy/many-clusters.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { assertStatus, send } from '../leg.js';

const clusters = await startManyClusters(
  { after },
  {
    // The proxy's identity at context `weak` may do everything except impersonate.
    server: { allow: (user, { verb }) => !(user.username === 'user of weak' && verb === 'impersonate') },
    edit: (config, { one, two }) => {
      addContext(config, 'weak', two);
      addContext(config, 'secretive', two, {
        cluster: { server: `${two.url.replace('//', '//someone:s3cret@')}${rancherPath}` },
      });
      addContext(config, 'without cluster', one);
      config.clusters = config.clusters.filter(({ name }) => name !== 'cluster of without cluster');
    },
  },
);
clusters.tokens.two[tokenOf('weak')] = { username: 'user of weak' };
const { one, two } = clusters;
const folder = temporaryFolder();
const tokenFile = join(folder, 'tokens.csv');
await writeFile(tokenFile, 'file-token,fiona,,\n');

const { port } = await startManyStack(
  { after },
  { clusters, run: startInProcess, flags: ['--reject-paths='] },
);

// The order of these tests matters: the first one needs unused clusters.

test('/-/clusters shows names, servers without credentials, and the current one; all others are unused', async () => {
  const states = await clusterStates(port);
  assert.deepEqual([...states.keys()].sort(), clusters.contexts().sort());
  for (const { name, state, current } of states.values()) {
    assert.equal(current, name === 'one', name);
    if (name !== 'one') assert.equal(state, 'unused', name);
  }
  assert.equal(states.get('one')?.server, one.url);
  assert.equal(states.get('rancher')?.server, `${two.url}${rancherPath}`);
  assert.equal(states.get('down')?.server, 'https://127.0.0.1:1');
  const { text, headers } = await sendPlain(port, '/-/clusters');
  assert.match(headers['content-type'] ?? '', /^application\/json/);
  for (const secret of [...clusters.secrets(), 's3cret', 'someone'])
    assert.ok(!text.includes(secret), secret);
  assert.equal(clusters.dialledTwo(), 0);
  assert.equal(clusters.plugin.runs(), 0);
});

test('a used cluster is ready, with its version, and others are still unused', async () => {
  const { gitVersion } = (await sendPlain(port, '/version')).json as { gitVersion: string };
  for (const name of ['one', 'a', 'b', 'two', 'rancher']) {
    assert.equal((await sendPlain(port, `/clusters/${name}${which}`)).status, 200);
    await eventuallyPasses(async () => {
      const { state, version, reason } = (await clusterStates(port)).get(name) as ClusterState;
      assert.deepEqual(
        { name, state, version, reason },
        { name, state: 'ready', version: gitVersion, reason: undefined },
      );
    });
  }
  assert.equal((await clusterStates(port)).get(arn)?.state, 'unused');
});

for (const [name, reason] of [
  ['down', /ECONNREFUSED|refused/i],
  ['broken', new RegExp(missingFile)],
  ['without cluster', /cluster/],
] as const) {
  test(`a context that does not work is failing with its reason once it is used: ${name}`, async () => {
    for (const leg of ['plain', 'websocket', 'spdy'] as const) {
      const answer = await send(port, { leg, target: `${mountOf(name)}${which}` });
      assert.ok(answer.code >= 500, `${leg}: ${answer.raw}`);
      assert.match(assertStatus(answer, answer.code, name), reason);
    }
    const { reason: told, version } = await untilState(port, name, 'failing');
    assert.match(told ?? '', reason);
    assert.equal(version, undefined);
    for (const secret of clusters.secrets()) assert.ok(!told?.includes(secret));
    assert.equal((await sendPlain(port, '/-/readyz')).status, 200, 'readyz is about the current context');
  });
}

test('a failing cluster is ready again when its server is up again, or its file exists', async t => {
  const own = await startManyClusters(t);
  const { port } = await startManyStack(t, { run: startInProcess, clusters: own });
  const ask = async (name: string) => (await sendPlain(port, `/clusters/${name}${which}`)).status;
  await own.two.kill();
  assert.ok((await ask('b')) >= 500);
  await untilState(port, 'b', 'failing');
  assert.equal((await sendPlain(port, '/-/readyz')).status, 200);
  await own.two.restart();
  await eventually('the recovery', async () => (await ask('b')) === 200);
  await untilState(port, 'b', 'ready');
  const { certificate, key } = await own.one.authority.client();
  assert.ok((await ask('broken')) >= 500);
  await writeFile(join(own.folder, missingFile), `${certificate}${key}`);
  await eventually('the file', async () => (await ask('broken')) === 200);
  await untilState(port, 'broken', 'ready');
});

test('/-/clusters with authentication is only for callers, and says if the proxy may not impersonate', async t => {
  const headers = { authorization: 'Bearer file-token' };
  const flags = [callersFlag(tokenFile)];
  const { port } = await startManyStack(t, { clusters, run: startInProcess, flags });
  assert.equal((await sendPlain(port, '/-/clusters')).status, 401);
  const states = await clusterStates(port, headers);
  assert.deepEqual([...states.keys()].sort(), clusters.contexts().sort());
  assert.equal(states.get('weak')?.state, 'unused');
  assert.equal((await sendPlain(port, `/clusters/weak${which}`, { headers })).status, 403);
  const { reason } = await untilState(port, 'weak', 'failing', headers);
  assert.match(reason ?? '', /impersonat/);
  const { status, text } = await sendPlain(port, '/-/readyz?verbose');
  assert.equal(status, 200, text);
  assert.match(text, /\[\+\]impersonation ok/);
  // No API server gets a token, so it is valid in all clusters.
  const { json } = await sendPlain(port, '/-/clusters', { headers });
  const { sharesTokens, sandboxesProxiedPages } = json as Record<string, unknown>;
  assert.deepEqual([sharesTokens, sandboxesProxiedPages], [true, true]);
});
