import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { anyApiServer, embedded } from '../../../support/any-api-server.js';
import { untilListed } from '../../../support/clients/initial-events.js';
import { kubectl, kubectlTest } from '../../../support/clients/kubectl.js';
import type { JsonEvent, WatchClient } from '../../../support/clients/watch-client.js';
import { eventually } from '../../../support/eventually.js';
import { AnyWatchedNamespace } from '../../../support/proxy/any-watched-namespace.js';
import { startStack } from '../../../support/proxy/stack.js';
import { createRandom } from '../../../support/random.js';

const isReal = embedded.skip !== false;
const server = await anyApiServer({ after });
const stack = await startStack({ after }, { server, flags: ['--share-watches'] });

const versionOf = ({ object }: JsonEvent) => Number(object.metadata.resourceVersion);
const isBookmark = ({ type }: JsonEvent) => type === 'BOOKMARK';

/** A watch's initial events and its later changes, with the version of the bookmark between them. */
function partsOf(watch: WatchClient) {
  const events = watch.events();
  const end = events.findIndex(isBookmark);
  const isChange = (_: unknown, index: number) => index > end && !isBookmark(events[index] as JsonEvent);
  return {
    initial: events.slice(0, end),
    listed: versionOf(events[end] ?? assert.fail('there is no bookmark')),
    changes: watch.frames().filter(isChange).map(String),
  };
}

/** The objects of a version, by name, as their versions show them. */
function stateAt(version: number, { initial, changes }: ReturnType<typeof partsOf>): Record<string, number> {
  const state = new Map<string, number>();
  for (const event of [...initial, ...changes.map(text => JSON.parse(text) as JsonEvent)]) {
    const { name = '' } = event.object.metadata;
    if (versionOf(event) > version) break;
    if (event.type === 'DELETED') state.delete(name);
    else state.set(name, versionOf(event));
  }
  return Object.fromEntries([...state].sort());
}

const informers = isReal ? 300 : 60;

test(`${informers} informers that start under writes get what one direct watch gets`, async t => {
  const random = createRandom(1);
  const namespace = await AnyWatchedNamespace.create(stack);
  for (let index = 0; index < 20; index += 1) await namespace.write(`object-${index}`);
  const direct = await namespace.direct({ initial: true });
  await untilListed(direct);
  let isWriting = true;
  const written = (async () => {
    const there = new Set(Array.from({ length: 20 }, (_, index) => index));
    while (isWriting) {
      const index = random.below(40);
      const name = `object-${index}`;
      if (there.has(index) && random.chance(0.4)) {
        await namespace.remove(name);
        there.delete(index);
      } else {
        await namespace.write(name);
        there.add(index);
      }
    }
    await namespace.write('last');
  })();
  const watches: WatchClient[] = [];
  for (let wave = 0; wave < 6; wave += 1) {
    const started = await namespace.watchMany(informers / 6, { initial: true });
    watches.push(...started);
    for (const watch of started) await untilListed(watch);
  }
  isWriting = false;
  await written;
  for (const watch of [direct, ...watches]) await watch.untilNamed('"last"');
  const all = partsOf(direct);
  for (const watch of watches) {
    const { initial, listed, changes } = partsOf(watch);
    const later = all.changes.filter(text => versionOf(JSON.parse(text) as JsonEvent) > listed);
    assert.deepEqual(changes, later);
    const objects = initial.map(event => [event.object.metadata.name, versionOf(event)]);
    assert.deepEqual(Object.fromEntries(objects.sort()), stateAt(listed, all));
    assert.equal(watch.state(), 'open');
  }
  await namespace.untilUpstream(1);
  const streams = (await namespace.upstream()).filter(({ target }) => target.includes('sendInitialEvents'));
  t.diagnostic(`${streams.length} streams of initial events for ${informers} informers`);
  assert.ok(streams.length < informers / 2, `${streams.length} streams`);
  for (const watch of [direct, ...watches]) watch.close();
});

kubectlTest('kubectl rollout status lists by watching, and two of them share', async t => {
  const namespace = await server.createNamespace();
  const deployments = `/apis/apps/v1/namespaces/${namespace}/deployments`;
  const labels = { app: 'web' };
  await server.admin.do('POST', deployments, {
    metadata: { name: 'web' },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  });
  const ready = {
    replicas: 1,
    updatedReplicas: 1,
    readyReplicas: 1,
    availableReplicas: 1,
    observedGeneration: 1,
  };
  const setStatus = (status: object) => server.admin.do('PATCH', `${deployments}/web/status`, { status });
  await setStatus({ ...ready, updatedReplicas: 0 });
  const start = () =>
    kubectl(
      ['-s', stack.proxy.url, '-n', namespace, 'rollout', 'status', 'deployment/web', '--timeout=2m', '-v=8'],
      { env: { KUBE_FEATURE_WatchListClient: 'true' } },
    );
  const running = [start(), start()];
  const watches = async () =>
    (await server.arrivals()).filter(
      ({ target }) => target.startsWith(`${deployments}?`) && /watch=/.test(target),
    );
  // Each sends one watch with sendInitialEvents; the API server has one open when both have their objects.
  await eventually('one watch for both', async () => {
    const arrived = await watches();
    return arrived.length >= 2 && arrived.filter(({ isOver }) => !isOver).length === 1;
  });
  await setStatus(ready);
  for (const { code, stdout, stderr } of await Promise.all(running)) {
    assert.equal(code, 0, stderr);
    assert.match(stdout, /deployment "web" successfully rolled out/);
    assert.match(stderr, /sendInitialEvents=true/);
  }
  t.diagnostic((await watches()).map(({ target }) => target).join('\n'));
});
