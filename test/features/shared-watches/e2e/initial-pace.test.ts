import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { send } from '../../../support/clients/http-client.js';
import { connectHttp2, headOf, openStream } from '../../../support/clients/http2-client.js';
import { openWatch, readWatch, type WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { configMap, configMapsIn } from '../../../support/fake-api-server/config-maps.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startStack } from '../../../support/proxy/stack.js';

const namespace = 'large';
const target = `${configMapsIn(namespace)}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`;
const objects = 60;

/** The program in front of an API server with objects of 200 KB. Its clock stands still until the test moves it. */
async function start(t: TestContext, { tls }: { readonly tls: boolean }) {
  const clock = new ManualClock(Date.now());
  const stack = await startStack(t, {
    tls,
    run: (scope, args, env) => startInProcess(scope, args, env, { clock }),
    flags: ['--share-watches'],
  });
  const text = 'x'.repeat(200_000);
  for (let index = 0; index < objects; index += 1)
    stack.server.write(configMap(namespace, `large-${index}`, { data: { text } }));
  const security = 'ca' in stack ? { ca: String(stack.ca) } : undefined;
  const url = `${security === undefined ? 'http' : 'https'}://127.0.0.1:${stack.port}${target}`;
  const longRunning = (number: number) =>
    eventually(`${number} clients`, async () => {
      const { text } = await send(stack.port, '/-/metrics', security === undefined ? {} : { tls: security });
      return text.includes(`kube_api_proxy_request_slots_in_use{kind="longrunning"} ${number}\n`);
    });
  return { ...stack, clock, security, longRunning, open: () => openWatch(url, security) };
}

type Started = Awaited<ReturnType<typeof start>>;

/** Opens a watch over each version of HTTP. */
const protocols: Readonly<Record<string, (started: Started, t: TestContext) => Promise<WatchClient>>> = {
  'HTTP/1.1': ({ open }) => open(),
  async 'HTTP/2'({ port, security }, t) {
    const session = await connectHttp2(port, security?.ca ?? '');
    t.after(() => session.destroy());
    const stream = openStream(session, target);
    const head = await headOf(stream);
    return readWatch(stream, head[':status'] ?? 0, head);
  },
};

for (const [protocol, openOver] of Object.entries(protocols)) {
  test(`clients that read nothing of the initial events are cut, and the others get all (${protocol})`, async t => {
    const started = await start(t, { tls: protocol === 'HTTP/2' });
    const { server, clock, open, longRunning } = started;
    const release = server.initialEvents.hold(1);
    for (let count = 0; count < 2; count += 1) (await open()).close();
    const slow = Promise.all(
      [1, 2, 3].map(async () => {
        const watch = await openOver(started, t);
        watch.pause();
        return watch;
      }),
    );
    const opening = Promise.all([1, 2, 3, 4, 5].map(open));
    await longRunning(8);
    clock.advance(100);
    const stalled = await slow;
    const others = await opening;
    release();
    t.after(() => {
      for (const watch of others) watch.close();
    });
    await eventually('the others’ events', () => {
      clock.advance(100);
      return others.every(watch => watch.frames().length >= objects + 1);
    });
    server.write(configMap(namespace, 'later'));
    for (const watch of others) await watch.untilNamed('"later"');
    for (let seconds = 0; seconds < 60; seconds += 1) clock.advance(1_000);
    await longRunning(5);
    for (const watch of stalled) {
      watch.resume();
      assert.equal(await watch.ended, 'cut');
    }
    for (const watch of others) assert.equal(watch.state(), 'open');
  });
}
