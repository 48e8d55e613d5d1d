import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventually, eventuallyPasses } from '../support/eventually.js';
import { send as sendPlain } from '../support/http-client.js';
import { addContext, arn, mountOf, removeContext, startManyStack, which } from '../support/many-clusters.js';
import { scrapeOwn, sumOf } from '../support/own-metric.js';
import { assertStatus, type Leg, send } from './leg.js';
import { servedBy, workersOf } from './worker-probe.js';

const stack = await startManyStack({ after }, { flags: ['--workers=2'] });
const { proxy, port, plugin } = stack;
await eventually('both workers', () => workersOf(proxy).size === 2);
const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];

/** Sends requests until each worker has served this path below a mount. Returns all codes. */
async function askAll(mount: string, path: string): Promise<Set<number>> {
  const codes = new Set<number>();
  const before = proxy.log().length;
  await eventually(`both workers for ${mount}`, async () => {
    for (const { status } of await Promise.all(
      Array.from({ length: 4 }, () => sendPlain(port, `${mount}${path}`)),
    )) {
      codes.add(status);
    }
    const lines = proxy.log().slice(before);
    const serving = new Set(
      lines.filter(line => String(line['path'] ?? '').endsWith(path)).map(({ worker }) => worker),
    );
    return serving.size === 2 || servedBy({ log: () => lines }, `${mount}${path}`).size === 2;
  });
  return codes;
}

// The order of these tests matters: the first one needs unused clusters.

test('no worker dials or runs anything for a context before its first request', async () => {
  assert.deepEqual(await askAll('', '/version'), new Set([200]));
  assert.equal(stack.dialledTwo(), 0);
  assert.equal(plugin.runs(), 0);
});

test('each worker serves every context as its own user, and the plugin of a context runs once for both', async () => {
  for (const context of ['two', 'a', arn, 'rancher']) {
    assert.deepEqual(await askAll(mountOf(context), which), new Set([200]), context);
  }
  for (const { context, server } of stack.arrivals('/configmaps/which')) {
    assert.equal(server, context === 'a' ? 'one' : 'two');
  }
  assert.equal(plugin.runs(), 1);
});

test('each worker applies the guards below a mount as at /', async () => {
  for (const leg of legs) {
    for (let count = 0; count < 6; count += 1) {
      const target = `${mountOf(arn)}/api/v1/namespaces/default/pods/web-0/exec?command=id`;
      assertStatus(await send(port, { leg, target }), 403, leg);
      assertStatus(await send(port, { leg, target: `/clusters/a/../b${which}` }), 400, leg);
      assertStatus(await send(port, { leg, target: `/clusters/nope${which}` }), 404, leg);
    }
  }
});

test('metrics of all workers are added up for each cluster', async () => {
  const count = async () => sumOf(await scrapeOwn(port), 'kube_api_proxy_requests_total', { cluster: 'b' });
  assert.equal(await count(), 0);
  for (let sent = 0; sent < 10; sent += 1)
    assert.equal((await sendPlain(port, `/clusters/b${which}`)).status, 200);
  await eventuallyPasses(async () => assert.equal(await count(), 10));
});

test('a new context exists in every worker within 10 s, and a removed one does not', async () => {
  await stack.change(config => {
    addContext(config, 'new', stack.two);
    removeContext(config, 'b');
  });
  await eventuallyPasses(async () => {
    for (let count = 0; count < 8; count += 1) {
      assert.equal((await sendPlain(port, `/clusters/new${which}`)).status, 200);
      assert.equal((await sendPlain(port, `/clusters/b${which}`)).status, 404);
    }
  }, 10_000);
  assert.equal(plugin.runs(), 1);
});
