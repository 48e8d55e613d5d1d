import assert from 'node:assert/strict';
import net, { type AddressInfo } from 'node:net';
import { after, describe, test } from 'node:test';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import { open, send as sendPlain } from '../../support/clients/http-client.js';
import { eventually } from '../../support/eventually.js';
import { listen } from '../../support/ports.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import {
  addContext,
  arn,
  mountOf,
  startManyClusters,
  startManyStack,
  tokenOf,
  which,
} from '../../support/proxy/many-clusters.js';
import { startConnectProxy } from '../../support/upstreams/forward-proxy.js';
import { assertStatus, type Leg, send } from '../leg.js';

/** Accepts connections and never sends a byte. */
const silent = net.createServer(socket => socket.on('error', () => {}));
await listen(silent);
let silentConnections = 0;
silent.on('connection', () => {
  silentConnections += 1;
});
after(() => silent.close());

const stack = await startManyStack(
  { after },
  {
    run: startInProcess,
    flags: ['--reject-paths='],
    edit: (config, { one }) => {
      const server = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      addContext(config, 'silent', one, { cluster: { server } });
      addContext(config, 'without cluster', one);
      config.clusters = config.clusters.filter(({ name }) => name !== 'cluster of without cluster');
    },
  },
);
const { proxy, port, plugin } = stack;
const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];

// The order of these tests matters: the first one needs unused clusters.

test('nothing is dialled, run or read for a context before its first request', async () => {
  assert.equal((await sendPlain(port, which)).status, 200);
  assert.equal(stack.dialledTwo(), 0);
  assert.equal(silentConnections, 0);
  assert.equal(plugin.runs(), 0);
  const told = proxy.log().filter(({ msg }) => /down|broken|silent|missing/.test(String(msg)));
  assert.deepEqual(told, [], 'what is not used is no problem');
  assert.equal((await sendPlain(port, '/-/readyz')).status, 200);
});

test('an exec plugin runs once, when its own context is first asked, however many requests come at once', async () => {
  for (const name of ['a', 'b'])
    assert.equal((await sendPlain(port, `/clusters/${name}${which}`)).status, 200);
  assert.equal(plugin.runs(), 0);
  const answers = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const leg = legs[index % 3] as Leg;
      return (await send(port, { leg, target: `/clusters/two${which}` })).code;
    }),
  );
  assert.deepEqual(new Set(answers), new Set([200]));
  assert.equal(plugin.runs(), 1);
  assert.equal((await sendPlain(port, '/clusters/rancher/version')).status, 200);
  assert.equal(plugin.runs(), 1);
});

test('a context that does not work does not fail readyz, and others work while it hangs', async () => {
  const hanging = open(port, `/clusters/silent${which}`).then(
    response => response.destroy(),
    () => {},
  );
  await eventually('its connection', () => silentConnections > 0);
  for (const name of ['one', 'a', 'b', 'two', arn]) {
    for (const leg of legs) {
      assert.equal((await send(port, { leg, target: `${mountOf(name)}${which}` })).code, 200, name);
    }
  }
  const { status, text } = await sendPlain(port, '/-/readyz?verbose');
  assert.equal(status, 200, text);
  assert.equal((await sendPlain(port, '/-/livez')).status, 200);
  await proxy.stop('SIGKILL');
  await hanging;
});

describe('clusters that change their state', () => {
  test('have separate connections, credentials and 401s', async t => {
    const clusters = await startManyClusters(t);
    const { port } = await startManyStack(t, { run: startInProcess, clusters });
    for (const name of ['two', 'b', 'a']) {
      assert.equal((await sendPlain(port, `/clusters/${name}${which}`)).status, 200);
    }
    // The plugin's token becomes invalid, and a run of the plugin replaces it. The token of b becomes invalid too, and cannot be replaced.
    delete clusters.tokens.two[tokenOf('two')];
    delete clusters.tokens.two[tokenOf('b')];
    clusters.tokens.two['renewed'] = { username: 'renewed', groups: ['system:masters'] };
    await clusters.plugin.answer({ token: 'renewed' });
    assert.equal((await sendPlain(port, `/clusters/two${which}`)).status, 200);
    assert.equal(clusters.plugin.runs(), 2);
    assert.equal((await sendPlain(port, `/clusters/b${which}`)).status >= 401, true);
    assert.equal((await sendPlain(port, `/clusters/a${which}`)).status, 200);
    assert.equal((await sendPlain(port, which)).status, 200);
    for (const server of [clusters.one, clusters.two]) {
      const perConnection = new Map<number, Set<string>>();
      for (const { remotePort, headers, tlsSubject } of server.requests) {
        const identity = headers['authorization']?.toString() ?? tlsSubject?.commonName ?? '';
        const owner = identity === 'Bearer renewed' ? `Bearer ${tokenOf('two')}` : identity;
        perConnection.set(remotePort, (perConnection.get(remotePort) ?? new Set()).add(owner));
      }
      for (const [at, owners] of perConnection) assert.equal(owners.size, 1, `${at}: ${[...owners].join()}`);
    }
  });
});

describe('the cluster and the user of a context', () => {
  test('apply only to it: authority, name, proxy, and disabled verification', async t => {
    const stranger = await createCertificateAuthority({ commonName: 'stranger' });
    const tunnel = await startConnectProxy();
    t.after(() => tunnel.close());
    const clusters = await startManyClusters(t, {
      edit: (config, { two }) => {
        const wrong = Buffer.from(stranger.certificate).toString('base64');
        const none = { 'certificate-authority-data': undefined };
        addContext(config, 'unchecked', two, { cluster: { ...none, 'insecure-skip-tls-verify': true } });
        addContext(config, 'wrong authority', two, { cluster: { 'certificate-authority-data': wrong } });
        addContext(config, 'wrong name', two, { cluster: { 'tls-server-name': 'elsewhere.example' } });
        addContext(config, 'tunnel', two, { cluster: { 'proxy-url': `http://127.0.0.1:${tunnel.port}` } });
      },
    });
    const { port } = await startManyStack(t, { run: startInProcess, clusters });
    // The unverified context comes first, because no other context may resume its TLS session.
    for (let round = 0; round < 2; round += 1) {
      for (const leg of legs) {
        for (const [name, works] of [
          ['unchecked', true],
          ['b', true],
          ['wrong authority', false],
          ['wrong name', false],
        ] as const) {
          const answer = await send(port, { leg, target: `${mountOf(name)}${which}` });
          if (works) assert.equal(answer.code, 200, answer.raw);
          else assert.match(assertStatus(answer, 502, name), /certificate/i);
        }
      }
    }
    assert.equal(tunnel.requests.length, 0);
    for (const leg of legs) {
      assert.equal((await send(port, { leg, target: `/clusters/tunnel${which}` })).code, 200);
    }
    assert.ok(tunnel.requests.length > 0);
    for (const { target } of tunnel.requests) assert.equal(target, new URL(clusters.two.url).host);
  });
});
