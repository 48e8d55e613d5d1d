import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { send } from '../support/clients/http-client.js';
import { RawWebSocket } from '../support/clients/websocket-client.js';
import { eventually } from '../support/eventually.js';
import { ManualClock } from '../support/manual-clock.js';
import { adminPort } from '../support/proxy/admin-listener.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { WatchedNamespace } from '../support/proxy/watched-namespace.js';

const policyViolation = '03f0';
const normalClosure = '03e8';
const tokens = (...users: string[]) => users.map(user => `${user}-token,${user},,team\n`).join('');

/** A gateway whose users share watches, of which each user may be forbidden. */
async function start(t: TestContext, flags: readonly string[] = []) {
  const clock = new ManualClock(Date.now());
  const forbidden = new Set<string>();
  const gateway = await startGateway(t, {
    run: (scope, argv, env) => startInProcess(scope, argv, env, { clock }),
    tokenFile: tokens('ann', 'bob', 'eve'),
    flags: ['--share-watches', '--share-watches-across-users', ...flags],
    server: { allow: ({ username }, { resource }) => resource !== 'configmaps' || !forbidden.has(username) },
  });
  // The API server itself serves the core group, so that users share.
  gateway.server.write({
    apiVersion: 'apiregistration.k8s.io/v1',
    kind: 'APIService',
    metadata: { name: 'v1.' },
    spec: { version: 'v1' },
  });
  const { url } = gateway.proxy;
  const namespace = new WatchedNamespace(gateway);
  const target = namespace.target();
  return {
    ...{ ...gateway, clock, forbidden, namespace },
    /** Opens the watch of a user. */
    open: (user: string) =>
      RawWebSocket.open(t, url + target, { fields: { Origin: url, Authorization: `Bearer ${user}-token` } }),
    /** Waits until a WebSocket is closed, while time passes. Returns the code and the reason. */
    async closed(socket: RawWebSocket, step = 1_000) {
      await eventually('the end', async () => {
        clock.advance(step);
        await new Promise(setImmediate);
        return socket.ended !== undefined;
      });
      const { opcode, payload } = socket.frames.at(-1) ?? assert.fail('there is no frame');
      assert.equal(opcode, 0x88);
      return { code: payload.subarray(0, 2).toString('hex'), reason: payload.subarray(2).toString() };
    },
    /** Writes an object, and waits until these have it. */
    async seen(name: string, ...sockets: RawWebSocket[]): Promise<void> {
      namespace.write(name);
      await eventually('the event', () => sockets.every(({ bytes }) => bytes.includes(`"${name}"`)));
    },
  };
}

test('a client of a shared watch over a WebSocket leaves it alone, with a close frame, when its right ends, its token is gone, or an operator ends it', async t => {
  const started = await start(t, [
    ...['--recheck-streams=10s', '--admin-end-streams', '--admin-port=0', '--admin-address=127.0.0.1'],
  ]);
  const { open, closed, seen, forbidden, namespace, writeTokens, proxy } = started;
  const [ann, bob, eve] = [await open('ann'), await open('bob'), await open('eve')];
  await seen('one', ann, bob, eve);
  assert.equal(namespace.upstream().length, 1);
  forbidden.add('ann');
  assert.deepEqual((await closed(ann)).code, policyViolation);
  await seen('two', bob, eve);
  await writeTokens(tokens('ann', 'eve'));
  await eventually('the file is read', () =>
    proxy.log().some(({ msg }) => /tokens of callers reloaded/.test(String(msg))),
  );
  assert.deepEqual((await closed(bob)).code, policyViolation);
  await seen('three', eve);
  for (const socket of [ann, bob]) assert.ok(!socket.bytes.includes('"three"'));
  assert.equal((await send(await adminPort(proxy), '/streams?user=eve', { method: 'DELETE' })).status, 200);
  const { code, reason } = await closed(eve);
  assert.equal(code, policyViolation);
  assert.match(reason, /operator/);
  // A line is written when its connection has closed, which may take one longer than another.
  const lines = () =>
    proxy.log().flatMap(({ user, endedBy, code: status }) => {
      return status === 101 && endedBy !== undefined ? `${user}: ${endedBy}` : [];
    });
  await eventually('the lines of the log', () => lines().length === 3);
  assert.deepEqual(lines().sort(), ['ann: access', 'bob: caller', 'eve: operator']);
});

test('a client over a WebSocket whose token is gone, or who may no longer watch, ends as its watch is opened again, like a watch of the API server, and gets nothing more', async t => {
  const started = await start(t);
  const { open, closed, seen, forbidden, namespace, writeTokens, proxy, server } = started;
  const [ann, bob, eve] = [await open('ann'), await open('bob'), await open('eve')];
  await seen('one', ann, bob, eve);
  assert.equal(namespace.upstream().length, 1);
  forbidden.add('ann');
  await writeTokens(tokens('ann', 'eve'));
  await eventually('the file is read', () =>
    proxy.log().some(({ msg }) => /tokens of callers reloaded/.test(String(msg))),
  );
  await seen('two', ann, bob, eve);
  started.clock.advance(20_000);
  server.endWatches();
  assert.equal((await closed(bob, 10)).code, normalClosure);
  assert.equal((await closed(ann, 10)).code, normalClosure);
  await seen('three', eve);
  for (const socket of [ann, bob]) assert.ok(!socket.bytes.includes('"three"'));
});
