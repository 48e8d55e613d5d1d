import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Cluster, ConfigurationError } from '../../src/clusters/cluster.js';
import type { ClusterRegistry } from '../../src/clusters/registry.js';
import { createClusterChecks, createClusterStates } from '../../src/clusters/states.js';
import { CredentialError } from '../../src/credentials/credential.js';
import { UpstreamError } from '../../src/transport/upstream-error.js';
import { ManualClock } from '../support/manual-clock.js';
import { endpointWith } from '../support/proxy/client-request.js';
import { FakePool } from '../support/transport/fake-pool.js';
import { accessTo, onlySource } from '../support/transport/upstream-requests.js';

/** A cluster in use whose API server answers as the test says. */
function answering(name: string, status: number, text = '', protocol: 'http:' | 'https:' = 'https:') {
  const pool = new FakePool();
  const endpoint = endpointWith(
    { server: { protocol, hostname: 'api', port: 80, path: '' } },
    { context: name },
  );
  const source = onlySource(accessTo(pool));
  const access = () => {
    queueMicrotask(() => {
      const lease = pool.leases.at(-1) ?? assert.fail();
      lease.head(status);
      lease.body(text);
      lease.sink.end();
    });
    return source.access();
  };
  const parts = { ...source, access, current: undefined, name, host: 'api:6443' };
  const cluster = { ...parts, endpoint } as unknown as Cluster;
  return { cluster, pool };
}

const startTime = '2023-11-14T22:13:20.000Z';

const version = JSON.stringify({ gitVersion: 'v1.34.1' });

const noneAdded = { added: () => undefined };

describe('the check of an API server', () => {
  const strange = 'the server at api:6443 does not answer like an API server';
  const refuses = "the API server refuses the proxy's own credential; whoever runs the proxy must replace it";
  const hint = '; should the server URL begin with https:// instead?';
  for (const [status, text, expected, ...protocol] of [
    [200, version, { state: 'ready', version: 'v1.34.1' }],
    [200, '{"gitVersion":1}', { state: 'ready' }],
    [200, 'ok', { state: 'ready' }],
    [403, '{}', { state: 'ready' }],
    [404, '{}', { state: 'ready' }],
    [299, '{}', { state: 'ready' }],
    [401, '{}', { state: 'failing', reason: refuses }],
    [400, '', { state: 'failing', reason: `${strange} (400)` }],
    [400, '', { state: 'failing', reason: `${strange} (400)${hint}` }, 'http:'],
    [300, '', { state: 'failing', reason: `${strange} (300)` }],
    [399, '', { state: 'failing', reason: `${strange} (399)${hint}` }, 'http:'],
    [500, '', { state: 'failing', reason: 'the API server at api:6443 answers 500' }],
  ] as const)
    it(`says that one which answers ${status} ${text} is ${JSON.stringify(expected)}`, async () => {
      const { cluster, pool } = answering('dev', status, text, ...protocol);
      const { reachability } = createClusterChecks(undefined)(cluster);
      const states = createClusterStates(
        {
          ...noneAdded,
          default: cluster,
          used: [cluster],
          contexts: [],
          names: new Set(),
        } as never as ClusterRegistry,
        () => ({ reachability, mayImpersonate: undefined }),
        new ManualClock(Date.parse(startTime)),
      );
      const server = protocol.length > 0 ? 'http://api' : 'https://api:80';
      const since = expected.state === 'failing' ? { since: startTime } : {};
      assert.deepEqual(await states(new Set(['dev'])), [
        { name: 'dev', server, current: true, ...expected, ...since },
      ]);
      const isAnswer = status === 401 || expected.state === 'ready';
      const passes = (check: Promise<void>) =>
        check.then(
          () => true,
          () => false,
        );
      assert.equal(
        await passes(reachability.answers()),
        isAnswer,
        'a refusal of the credential is an answer',
      );
      assert.equal(await passes(reachability.accepts()), status !== 401);
      assert.deepEqual(
        pool.leases.map(({ request }) => request.path),
        ['/version'],
        'all share one check',
      );
    });
});

for (const [what, failure, isAboutCredential] of [
  ['there is no credential', new CredentialError('no luck'), true],
  ['there is no configuration', new ConfigurationError(['no luck']), true],
  ['nothing answers', new UpstreamError(503, 'refused', 'no luck'), false],
] as const)
  it(`the check of an API server fails if ${what}, its part about the credential ${isAboutCredential ? 'too' : 'not'}`, async () => {
    const { cluster } = answering('dev', 200);
    const { reachability } = createClusterChecks(undefined)(
      Object.assign(cluster, { access: () => Promise.reject(failure) }),
    );
    await assert.rejects(reachability.answers(), failure);
    if (isAboutCredential) await assert.rejects(reachability.accepts(), failure);
    else await reachability.accepts();
  });

describe('the states of the clusters', () => {
  const context = (name: string) => ({
    name,
    cluster: '',
    user: '',
    namespace: '',
    server: `https://${name}`,
  });
  const failed = new ConfigurationError(['client-key /x: no such file'], 'bad');
  const unopened = (name: string, failure?: Error) => ({ name, endpoint: undefined, failure }) as Cluster;

  it('are of the contexts that are served, and name the one of /; only what is in use is checked', async () => {
    const { cluster: root } = answering('root', 200, version);
    const { cluster: weak } = answering('weak', 200, version);
    const weakness = 'it may not impersonate';
    const registry = {
      ...noneAdded,
      default: root,
      used: [root, weak, unopened('bad', failed), unopened('new')],
      contexts: ['root', 'weak', 'hidden', 'bad', 'new', 'never'].map(context),
      names: new Set(['root', 'weak', 'bad', 'new', 'never']),
    } as never as ClusterRegistry;
    const checksOf = createClusterChecks(cluster => async () => {
      if (cluster === weak) throw new Error(weakness);
    });
    assert.equal(checksOf(weak), checksOf(weak));
    const since = startTime;
    assert.deepEqual(
      await createClusterStates(
        registry,
        checksOf,
        new ManualClock(Date.parse(startTime)),
      )(new Set(['root', 'weak', 'hidden', 'bad', 'new', 'never'])),
      [
        { name: 'root', server: 'https://root', current: true, state: 'ready', version: 'v1.34.1' },
        { name: 'weak', server: 'https://weak', current: false, state: 'failing', reason: weakness, since },
        {
          name: 'bad',
          server: 'https://bad',
          current: false,
          state: 'failing',
          reason: failed.message,
          since,
        },
        { name: 'new', server: 'https://new', current: false, state: 'unused' },
        { name: 'never', server: 'https://never', current: false, state: 'unused' },
      ],
    );
  });

  it('say since when one fails: since the first check that failed after the last one that passed', async () => {
    const { cluster } = answering('root', 200, version);
    const clock = new ManualClock(Date.parse(startTime));
    let weakness: string | undefined;
    const checksOf = createClusterChecks(() => async () => {
      if (weakness !== undefined) throw new Error(weakness);
    });
    const registry = { ...noneAdded, default: cluster, used: [cluster], contexts: [], names: new Set() };
    const states = createClusterStates(registry as never as ClusterRegistry, checksOf, clock);
    const since = async () => (await states(new Set([cluster.name])))[0]?.since;
    assert.equal(await since(), undefined);
    const times: (string | undefined)[] = [];
    for (const next of ['one', 'another', undefined, 'one']) {
      clock.advance(1_000);
      weakness = next;
      times.push(await since());
    }
    const at = (seconds: number) => new Date(Date.parse(startTime) + seconds * 1_000).toISOString();
    assert.deepEqual(times, [at(1), at(1), undefined, at(4)]);
  });

  it('of clusters that a feature has added say what is wrong with their configurations, from the first use on or before', async () => {
    const { cluster: root } = answering('root', 200, version);
    const { cluster: good } = answering('good', 200, version);
    const added = new Map(
      Object.entries({
        good: { isUsable: true, problem: 'the newest is broken' },
        unused: { isUsable: true, problem: 'the newest is broken' },
        broken: { isUsable: false, problem: 'it has no server' },
        mended: { isUsable: true, problem: undefined, condition: 'ControlPlaneHealthy: False' },
      }),
    );
    const names = [...added.keys()];
    const registry = {
      ...{ default: root, used: [root, good, unopened('broken'), unopened('mended', failed)] },
      contexts: ['root', ...names].map(context),
      names: new Set(['root', ...names]),
      added: (name: string) => added.get(name),
    } as never as ClusterRegistry;
    const clock = new ManualClock(Date.parse(startTime));
    const states = await createClusterStates(
      registry,
      createClusterChecks(undefined),
      clock,
    )(new Set(['root', ...names]));
    assert.deepEqual(
      states.map(({ name, state, reason, since, condition, tokensOfRoot = false }) => {
        return [name, state, reason ?? condition, since, tokensOfRoot];
      }),
      [
        ['root', 'ready', undefined, undefined, false],
        ['good', 'ready', 'the newest is broken', undefined, true],
        ['unused', 'unused', 'the newest is broken', undefined, true],
        ['broken', 'failing', 'it has no server', startTime, true],
        ['mended', 'unused', 'ControlPlaneHealthy: False', undefined, true],
      ],
    );
  });

  it('begin with that of / if it is of no context, without an address before it is open', async () => {
    const root = unopened('');
    const registry = {
      ...{ ...noneAdded, default: root, used: [root] },
      ...{ contexts: [context('dev')], names: new Set(['dev']) },
    };
    const states = createClusterStates(registry as never as ClusterRegistry, createClusterChecks(undefined));
    assert.deepEqual(await states(new Set(['', 'dev'])), [
      { name: '', server: '', current: true, state: 'unused' },
      { name: 'dev', server: 'https://dev', current: false, state: 'unused' },
    ]);
  });

  it('are of those alone that are asked for; no other one is checked', async () => {
    const { cluster: root, pool } = answering('root', 200, version);
    const registry = {
      ...{ ...noneAdded, default: root, used: [root] },
      ...{ contexts: [context('dev')], names: new Set(['dev']) },
    };
    const states = createClusterStates(registry as never as ClusterRegistry, createClusterChecks(undefined));
    const dev = { name: 'dev', server: 'https://dev', current: false, state: 'unused' };
    assert.deepEqual(await states(new Set(['dev'])), [dev]);
    assert.deepEqual(await states(new Set()), []);
    assert.deepEqual(pool.leases, []);
  });
});
