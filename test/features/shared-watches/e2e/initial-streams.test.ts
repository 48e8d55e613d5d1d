import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { shownChanges, untilListed } from '../../../support/clients/initial-events.js';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { eventually, until } from '../../../support/eventually.js';
import type { FakeApiServerOptions } from '../../../support/fake-api-server/fake-api-server.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { scrapeOwn, sumOf } from '../../../support/proxy/own-metric.js';
import { startStack } from '../../../support/proxy/stack.js';
import { type NamespaceWatch, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';
import type { Scope } from '../../../support/scope.js';

/** Clients that ask through a program whose clock stands still until the test moves it. */
class Crowd {
  readonly clock: ManualClock;
  readonly namespace: WatchedNamespace;
  readonly #port: number;
  readonly #asked: Promise<WatchClient>[] = [];

  private constructor(clock: ManualClock, namespace: WatchedNamespace, port: number) {
    this.clock = clock;
    this.namespace = namespace;
    this.#port = port;
  }

  static async start(scope: Scope, server: FakeApiServerOptions = {}) {
    const clock = new ManualClock(Date.now());
    const run: typeof startInProcess = (programScope, args, env) =>
      startInProcess(programScope, args, env, { clock });
    const stack = await startStack(scope, { server, run, flags: ['--share-watches'] });
    const namespace = new WatchedNamespace(stack);
    namespace.writeAll('b', 'a');
    return { server: stack.server, crowd: new Crowd(clock, namespace, stack.port) };
  }

  /** With one client, whose stream stops after this number of events until `release`. */
  static async withStream(scope: Scope, events: number) {
    const { server, crowd } = await Crowd.start(scope);
    const release = server.initialEvents.hold(events);
    await crowd.ask();
    await crowd.untilStreams(1);
    return { crowd, release };
  }

  /** Lets one more client ask, and waits until the program has its request. */
  async ask(question: NamespaceWatch = {}): Promise<void> {
    this.#asked.push(this.namespace.watch({ initial: true, ...question }));
    const labels = { verb: 'watch', resource: 'configmaps' };
    await eventually('the request', async () => {
      const samples = await scrapeOwn(this.#port);
      return sumOf(samples, 'kube_api_proxy_longrunning_requests', labels) >= this.#asked.length;
    });
  }

  /** All clients so far, in their order. Waits for their heads. */
  get clients(): Promise<WatchClient[]> {
    return Promise.all(this.#asked);
  }

  /** How many watches that begin with the objects the API server has got. */
  get streams(): number {
    return this.namespace.upstream().filter(({ rawUrl }) => rawUrl.includes('sendInitialEvents')).length;
  }

  /** Waits until the API server has got this number of them. From the second one on, they need time to pass. */
  async untilStreams(count: number): Promise<void> {
    await eventually(`${count} streams of initial events`, () => {
      if (count > 1 && this.streams < count) this.clock.advance(100);
      return this.streams === count;
    });
  }
}

const objects = ['ADDED a', 'ADDED b', 'END'];

describe('clients that ask for all objects at the same time', () => {
  test('share the second stream if the first has begun, and later ones the third', async t => {
    const { crowd, release } = await Crowd.withStream(t, 1);
    for (let count = 0; count < 5; count += 1) await crowd.ask();
    assert.equal(crowd.streams, 1, 'they wait for the next one');
    await crowd.untilStreams(2);
    for (let count = 0; count < 3; count += 1) await crowd.ask();
    crowd.clock.advance(1_000);
    assert.equal(crowd.streams, 2, 'there are at most two at a time');
    release();
    await crowd.untilStreams(3);
    const watches = await crowd.clients;
    assert.equal(watches.length, 9);
    for (const watch of watches) await untilListed(watch);
    await crowd.namespace.untilUpstream(1);
    crowd.namespace.write('c');
    crowd.namespace.remove('b');
    for (const watch of watches) {
      await until(() => shownChanges(watch).includes('DELETED b'));
      assert.deepEqual(shownChanges(watch), [...objects, 'ADDED c', 'DELETED b']);
    }
    assert.equal(crowd.streams, 3);
  });

  test('wait no longer than five seconds, whatever runs', async t => {
    const { crowd, release } = await Crowd.withStream(t, 1);
    await crowd.ask();
    await crowd.untilStreams(2);
    for (let count = 0; count < 3; count += 1) await crowd.ask();
    crowd.clock.advance(3_000);
    assert.equal(crowd.streams, 2);
    await crowd.untilStreams(3);
    release();
    for (const watch of await crowd.clients) await untilListed(watch);
    assert.equal(crowd.streams, 3);
  });

  test('get the next stream when the current one has reached its bookmark', async t => {
    const { crowd, release } = await Crowd.withStream(t, 2);
    for (let count = 0; count < 4; count += 1) await crowd.ask();
    release();
    // The clock stands still.
    await until(() => crowd.streams === 2);
    for (const watch of await crowd.clients) await untilListed(watch);
    assert.equal(crowd.streams, 2);
  });

  test('get no older state than at the time when they ask', async t => {
    const { crowd, release } = await Crowd.withStream(t, 0);
    crowd.namespace.write('c');
    await crowd.ask();
    release();
    const [first, second] = (await crowd.clients) as [WatchClient, WatchClient];
    await first.untilNamed('"c"');
    await untilListed(second);
    assert.deepEqual(shownChanges(first), [...objects, 'ADDED c']);
    assert.deepEqual(shownChanges(second), ['ADDED a', 'ADDED b', 'ADDED c', 'END']);
  });

  test('have no stream any more when all have left it', async t => {
    const { crowd, release } = await Crowd.withStream(t, 1);
    await crowd.ask();
    await crowd.untilStreams(2);
    for (const watch of await crowd.clients) watch.close();
    // A shared watch may wait for a while for other clients.
    await eventually('no watch', () => {
      crowd.clock.advance(1_000);
      return crowd.namespace.openUpstream().length === 0;
    });
    release();
  });

  test('end at their own time, even before the bookmark', async t => {
    const { crowd, release } = await Crowd.withStream(t, 1);
    await crowd.ask({ query: '&timeoutSeconds=60&timeout=1m0s' });
    await crowd.ask({ query: '&timeoutSeconds=300' });
    await crowd.untilStreams(2);
    const [, brief, long] = (await crowd.clients) as [WatchClient, WatchClient, WatchClient];
    for (const watch of [brief, long]) await watch.until(1);
    crowd.clock.advance(60_000);
    assert.equal(await brief.ended, 'end');
    assert.deepEqual(shownChanges(brief), ['ADDED a']);
    release();
    await untilListed(long);
    assert.deepEqual(shownChanges(long), objects);
    for (const { rawUrl } of crowd.namespace.upstream()) assert.doesNotMatch(rawUrl, /timeout/);
  });
});

describe('a client that takes nothing of the initial events', () => {
  /** A namespace with 20 MB of objects, which no buffer of a connection holds. */
  async function startLarge(scope: Scope) {
    const { server, crowd } = await Crowd.start(scope);
    const text = 'x'.repeat(500_000);
    for (let index = 0; index < 40; index += 1) crowd.namespace.write(`large-${index}`, { text });
    return { server, crowd };
  }

  test('is cut if others wait for it, and they get everything', async t => {
    const { server, crowd } = await startLarge(t);
    const release = server.initialEvents.hold(1);
    await crowd.ask();
    await crowd.untilStreams(1);
    for (let count = 0; count < 3; count += 1) await crowd.ask();
    await crowd.untilStreams(2);
    const [first, slow, ...others] = (await crowd.clients) as [WatchClient, WatchClient, ...WatchClient[]];
    slow.pause();
    release();
    await untilListed(first);
    await eventually('the others’ bookmark', async () => {
      crowd.clock.advance(1_000);
      return others.every(watch => shownChanges(watch).includes('END'));
    });
    for (const watch of others) assert.equal(watch.frames().length, 43);
    slow.resume();
    assert.equal(await slow.ended, 'cut');
    assert.ok(slow.frames().length < 43);
    assert.deepEqual(slow.frames(), others[0]?.frames().slice(0, slow.frames().length));
  });

  test('sets its own pace if it is alone', async t => {
    const { crowd } = await startLarge(t);
    await crowd.ask();
    const [watch] = (await crowd.clients) as [WatchClient];
    await watch.until(1);
    watch.pause();
    for (let minute = 0; minute < 5; minute += 1) {
      crowd.clock.advance(60_000);
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    watch.resume();
    await untilListed(watch);
    assert.equal(watch.frames().length, 43);
    crowd.namespace.write('later');
    await watch.untilNamed('"later"');
  });
});
