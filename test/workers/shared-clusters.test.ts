import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Cluster, ConfigurationError } from '../../src/clusters/cluster.js';
import type { Endpoint } from '../../src/clusters/endpoint.js';
import { ClusterRegistry } from '../../src/clusters/registry.js';
import type { CredentialSource } from '../../src/credentials/credential-source.js';
import { Channel } from '../../src/workers/channel.js';
import type { QuestionsToPrimary, QuestionsToWorker, ToWorker } from '../../src/workers/messages.js';
import { createSharedClusters } from '../../src/workers/shared-clusters.js';
import { shareCredentials } from '../../src/workers/shared-credentials.js';
import { createEndpoint, createFollowedCluster } from '../support/followed-cluster.js';

/** A primary and a worker with a pipe between them, whose messages arrive when the test delivers them. */
function createPair(current: string, ...names: string[]) {
  const toWorker: object[] = [];
  const primaryUses = new Map<string, (endpoint: Endpoint) => void>();
  const primary = new ClusterRegistry({
    create: name =>
      createFollowedCluster(name, async use => {
        if (name === 'broken') throw new ConfigurationError(['its token file is empty']);
        primaryUses.set(name, use);
        use(createEndpoint(name === '' ? current : name));
        return { close: () => void primaryUses.delete(name) };
      }),
    serves: () => true,
  });
  const shared = shareCredentials(primary, message => toWorker.push(structuredClone(message)));
  const primaryChannel = new Channel<QuestionsToWorker, QuestionsToPrimary, never>(
    message => toWorker.push(structuredClone(message)),
    { answers: { endpoint: shared.endpoint } as never, onMessage: () => {} },
  );
  const channel: Channel<QuestionsToPrimary, QuestionsToWorker, ToWorker> = new Channel(
    message => primaryChannel.receive(structuredClone(message) as never),
    { answers: {} as never, onMessage: message => clusters.take(message as never) },
  );
  const summaries = names.map(name => ({ name, cluster: '', user: '', namespace: '', server: '' }));
  let clusters: ReturnType<typeof createSharedClusters>;
  let worker: ClusterRegistry;
  return {
    primary,
    /** Replaces the endpoint of `/` or of a context. */
    replace(name: string, endpoint: Endpoint): void {
      primaryUses.get(name)?.(endpoint);
      shared.publish();
    },
    /** Delivers all pending messages, like one read of the pipe. */
    deliver(): void {
      for (const message of toWorker.splice(0)) channel.receive(message as never);
    },
    underWay: () => toWorker.length,
    async start(): Promise<ClusterRegistry> {
      primary.update(summaries);
      await primary.default.open();
      clusters = createSharedClusters(channel, structuredClone(shared.first()) as never);
      worker = new ClusterRegistry({
        create: name => createFollowedCluster(name, clusters.follow(name, {} as never)),
        serves: () => true,
      });
      await worker.default.open();
      worker.update(summaries);
      return worker;
    },
  };
}

/** Opens a cluster of a worker and delivers the messages for that. */
async function open(pair: ReturnType<typeof createPair>, cluster: Cluster | undefined): Promise<Endpoint> {
  assert.ok(cluster);
  const opening = cluster.open();
  while (pair.underWay() === 0) await new Promise(resolve => setImmediate(resolve));
  pair.deliver();
  return opening;
}

const tick = () => new Promise(resolve => setImmediate(resolve));

describe('a worker', () => {
  it('follows a context again that was the current one for a while', async () => {
    const pair = createPair('a', 'a', 'b');
    const worker = await pair.start();
    assert.equal((await open(pair, worker.get('b'))).context, 'b');
    for (const current of ['b', 'a']) {
      pair.replace('', createEndpoint(current));
      pair.deliver();
      assert.equal(worker.default.name, current);
    }
    const again = worker.get('b');
    if (again?.endpoint === undefined) await open(pair, again);
    const moved = createEndpoint('b', { host: 'moved.invalid' });
    pair.replace('b', moved);
    pair.deliver();
    assert.equal(worker.get('b')?.endpoint?.config.server.hostname, 'moved.invalid');
  });

  it('does not confuse the next current context with the context that it asked for', async () => {
    const pair = createPair('a', 'a', 'b', 'c');
    const worker = await pair.start();
    // The primary already knows that b is the current context.
    pair.replace('', createEndpoint('b'));
    const asked = worker.get('b') as Cluster;
    const opening = asked.open();
    await tick();
    await tick();
    // The worker gets both the news that b is at / and the answer.
    pair.deliver();
    await opening;
    pair.replace('', createEndpoint('c'));
    pair.deliver();
    assert.equal(worker.default.name, 'c');
    assert.equal(asked.endpoint?.context, 'b');
    const b = worker.get('b') as Cluster;
    assert.equal((b.endpoint ?? (await open(pair, b))).context, 'b');
  });

  it('uses a change of a context that the primary sends directly after its answer', async () => {
    const pair = createPair('a', 'a', 'b');
    const worker = await pair.start();
    const b = worker.get('b') as Cluster;
    const opening = b.open();
    while (pair.underWay() === 0) await tick();
    pair.replace('b', createEndpoint('b', { host: 'moved.invalid' }));
    assert.ok(pair.underWay() > 1);
    pair.deliver();
    assert.equal((await opening).config.server.hostname, 'moved.invalid');
  });
});

describe('a context that cannot be used', () => {
  it('gives the same reason in a worker as in the primary', async () => {
    const pair = createPair('a', 'a', 'broken');
    const worker = await pair.start();
    const message = 'context "broken" cannot be used: its token file is empty';
    await assert.rejects(open(pair, worker.get('broken')), { message });
    assert.equal(pair.primary.get('broken')?.failure?.message, message);
  });
});

describe('a cluster that is closed', () => {
  it('stops its logins while it reads its configuration', async () => {
    let logins = 0;
    let isClosed = false;
    const source: CredentialSource = {
      name: 'exec',
      endsAt: Infinity,
      get() {
        if (!isClosed) logins += 1;
        return {};
      },
      refused: async () => undefined,
      close: () => {
        isClosed = true;
      },
    };
    let finish: () => void = () => {};
    const cluster = createFollowedCluster('dev', async use => {
      await new Promise<void>(resolve => (finish = resolve));
      use(createEndpoint('dev', { source }));
      return { close() {} };
    });
    const opening = cluster.open();
    cluster.close();
    finish();
    await opening;
    assert.deepEqual([logins, isClosed], [0, true]);
  });
});
