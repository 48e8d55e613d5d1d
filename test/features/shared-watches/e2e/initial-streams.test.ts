import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { shownChanges, untilListed } from '../../../support/clients/initial-events.js';
import type { WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import type { FakeApiServerOptions } from '../../../support/fake-api-server/fake-api-server.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { scrapeOwn, sumOf } from '../../../support/proxy/own-metric.js';
import { startStack } from '../../../support/proxy/stack.js';
import { forms, type NamespaceWatch, WatchedNamespace } from '../../../support/proxy/watched-namespace.js';
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
});

test('an API server that puts the annotation into no row of a Table without objects, or only into one, is passed on', async t => {
  const { crowd } = await Crowd.start(t);
  const { namespace } = crowd;
  const question = { initial: true, query: '&includeObject=None', headers: { Accept: forms.table } };
  const watches = [await namespace.watch(question), await namespace.watch(question)];
  for (const watch of watches) await watch.until(3);
  namespace.write('c');
  for (const watch of watches) {
    await watch.untilNamed('"c"');
    const types = watch.events().map(({ type }) => type);
    assert.deepEqual(types, ['ADDED', 'ADDED', 'BOOKMARK', 'ADDED']);
    watch.close();
  }
});
