import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { eventuallyPasses } from '../../support/eventually.js';
import { listen } from '../../support/ports.js';
import { clusterStates } from '../../support/proxy/cluster-states.js';
import {
  addContext,
  arn,
  mountOf,
  rancherPath,
  startManyClusters,
  startManyStack,
  tokenOf,
  which,
} from '../../support/proxy/many-clusters.js';
import { scrapeOwn, sumOf } from '../../support/proxy/own-metric.js';
import { temporaryFolder } from '../../support/temporary-folder.js';
import { type Leg, send } from '../leg.js';

/** Accepts connections and never sends a byte. */
const silent = net.createServer(socket => socket.on('error', () => {}));
await listen(silent);
const silentSockets: net.Socket[] = [];
silent.on('connection', socket => silentSockets.push(socket));
after(() => silent.close());

/** The name of a context that has to be escaped in metrics. */
const quoted = 'quo"ted\\name';
const clusters = await startManyClusters(
  { after },
  {
    // The proxy's identity at context `weak` may do everything except impersonate.
    server: { allow: (user, { verb }) => !(user.username === 'user of weak' && verb === 'impersonate') },
    edit: (config, { one, two }) => {
      const server = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      addContext(config, 'silent', one, { cluster: { server } });
      addContext(config, 'weak', two);
      addContext(config, quoted, two);
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

const { proxy, port } = await startManyStack({ after }, { clusters, flags: ['--reject-paths='] });

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];

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
});

test('nothing is dialled, run, read or reported for a context before its first request', async () => {
  assert.equal((await sendPlain(port, which)).status, 200);
  assert.deepEqual([clusters.dialledTwo(), silentSockets.length, clusters.plugin.runs()], [0, 0, 0]);
  const told = proxy.log().filter(({ msg }) => /down|broken|silent|missing/.test(String(msg)));
  assert.deepEqual(told, [], 'what is not used is no problem');
  // One line says what is at /.
  const line = await eventuallyPasses(
    () => proxy.log().find(({ context }) => context === 'one') ?? assert.fail('no line names the context'),
  );
  const named = [line['server'], line['user'], line['cluster']];
  assert.deepEqual(named, [one.url, 'user of one', 'cluster of one']);
  for (const secret of clusters.secrets()) assert.ok(!proxy.stderr().includes(secret));
});

test('metrics and the log have the names of contexts, at / that of the current one, and none that a client invents', async () => {
  const list = '/api/v1/namespaces/default/configmaps';
  const names = ['one', 'a', 'two', arn, quoted];
  for (const path of [...names.map(mountOf), ''])
    assert.equal((await sendPlain(port, path + list)).status, 200, path);
  for (const name of ['made-up', 'ONE', 'a%0ab', encodeURIComponent('x"} 1\nevil 2')]) {
    for (const leg of legs) {
      const { code } = await send(port, { leg, target: `/clusters/${name}${which}` });
      assert.ok([400, 404].includes(code), `${name}: ${code}`);
    }
  }
  const escaped = (name: string) => name.replace(/["\\]/g, '\\$&');
  const known = new Set(['', ...clusters.contexts().map(escaped)]);
  await eventuallyPasses(async () => {
    const samples = await scrapeOwn(port);
    for (const name of names) {
      const labels = { cluster: escaped(name), verb: 'list', code: '200' };
      assert.equal(sumOf(samples, 'kube_api_proxy_requests_total', labels), name === 'one' ? 2 : 1, name);
    }
    for (const { labels } of samples) assert.ok(known.has(labels['cluster'] ?? ''), labels['cluster']);
    assert.ok(proxy.log().some(({ path }) => String(path).includes('made-up')));
  });
  for (const { cluster = '', context } of proxy.log()) {
    if (context === undefined) assert.ok(known.has(escaped(String(cluster))), String(cluster));
  }
});
