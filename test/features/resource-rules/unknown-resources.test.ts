import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseResourceList } from '../../../src/features/resource-rules/resource-list.js';
import { type FetchJson, UnknownResources } from '../../../src/features/resource-rules/unknown-resources.js';
import { ManualClock } from '../../support/manual-clock.js';

const widgets = {
  metadata: { name: 'example.com' },
  versions: [{ version: 'v1', resources: [{ resource: 'widgets' }] }],
};
const core = {
  metadata: {},
  versions: [
    {
      version: 'v1',
      resources: [{ resource: 'pods', subresources: [{ subresource: 'exec' }] }, { resource: 'secrets' }],
    },
  ],
};

/** The warnings about an API server with these groups. `groups` can be changed; undefined means that the API server is down. */
function watch(list: string, groups: readonly object[] | undefined) {
  const state = { groups, asked: 0 };
  const fetchJson: FetchJson = async path => {
    state.asked += 1;
    if (state.groups === undefined) throw new Error('away');
    return {
      status: 200,
      body: { kind: 'APIGroupDiscoveryList', items: path === '/api' ? [core] : state.groups },
    };
  };
  return { state, ...compare(fetchJson, list) };
}

function compare(fetchJson: FetchJson, list = 'secretz') {
  const logged: unknown[] = [];
  const logger = { warn: (fields: { resource: string }) => logged.push(fields.resource) };
  const clock = new ManualClock(0);
  const parsed = parseResourceList(list);
  assert.ok('patterns' in parsed);
  const unknown = new UnknownResources(parsed.patterns, fetchJson, logger as never, clock);
  return { logged, clock, unknown };
}

/** Lets due timers run until they wait again. */
const turn = () => new Promise(resolve => setImmediate(resolve));

describe('--reject-resources', () => {
  it('warns once of each entry that discovery does not have', async () => {
    const list =
      'secretz,secrets,pods/exec,pods/exce,pods.apps,widgets.example.com,*.example.com,*.example.org';
    const { logged, unknown, clock } = watch(list, [widgets]);
    await unknown.start();
    const misspelt = ['secretz', 'pods/exce', 'pods.apps', '*.example.org'];
    assert.deepEqual(logged, misspelt);
    clock.advance(3_600_000);
    await turn();
    assert.deepEqual(logged, misspelt);
    assert.deepEqual(
      unknown.warnings(),
      misspelt.map(name => `--reject-resources: the API server has no ${name}`),
    );
  });

  it('finds any subresource for *, and sends no more requests once it has found all', async () => {
    const { logged, unknown, clock } = watch('*/exec,pods/*,*', []);
    await unknown.start();
    assert.deepEqual([logged, unknown.warnings(), clock.pending], [[], [], 0]);
    assert.deepEqual(watch('secrets/*', []).unknown.warnings().length, 1);
  });

  it('is compared later if the API server is down, which readyz says, and until all resources exist', async () => {
    const { state, logged, unknown, clock } = watch('secretz', undefined);
    await unknown.start();
    const pending = "--reject-resources: not compared yet with the API server's resources: secretz";
    assert.deepEqual([logged, unknown.warnings()], [[], [pending]]);
    state.groups = [];
    clock.advance(60_000);
    await turn();
    assert.deepEqual(logged, ['secretz']);
    state.groups = [widgets, { versions: [{ resources: [{ resource: 'secretz' }] }] }];
    clock.advance(10 * 60_000);
    await turn();
    assert.deepEqual([unknown.warnings(), clock.pending], [[], 0]);
  });

  it('asks for the aggregated documents alone, with two requests', async () => {
    const asked: [string, string][] = [];
    const { unknown } = compare(async (path, accept) => {
      asked.push([path, accept]);
      return { status: 200, body: { kind: 'APIGroupDiscoveryList', items: [] } };
    });
    await unknown.start();
    assert.deepEqual(asked.map(([path]) => path).sort(), ['/api', '/apis']);
    for (const [, accept] of asked) {
      assert.match(
        accept,
        /^application\/json;g=apidiscovery\.k8s\.io;v=v2;as=APIGroupDiscoveryList,.*,application\/json$/,
      );
    }
  });

  it('does not count as compared, and nothing is thrown, if an answer is a refusal, nonsense or from before Kubernetes 1.27', async () => {
    const bodies = [undefined, null, 7, 'x', [], {}, { kind: 'APIGroupList', groups: [] }];
    const answers: FetchJson[] = [
      ...bodies.map(body => async () => ({ status: 200, body })),
      async () => ({ status: 403, body: { kind: 'Status' } }),
      async path =>
        path === '/api'
          ? { status: 200, body: { kind: 'APIGroupDiscoveryList' } }
          : { status: 503, body: {} },
      async () => Promise.reject(new Error('refused')),
      () => {
        throw new Error('not even a promise');
      },
    ];
    for (const answer of answers) {
      const { unknown, logged, clock } = compare(answer);
      await unknown.start();
      assert.match(unknown.warnings().join(), /not compared yet/);
      assert.deepEqual([logged, clock.pending], [[], 1]);
    }
    const items = [null, 1, { versions: {} }, { versions: [null, { resources: [7, {}] }] }];
    const { unknown, logged } = compare(async () => ({
      status: 200,
      body: { kind: 'APIGroupDiscoveryList', items },
    }));
    await unknown.start();
    assert.deepEqual(logged, ['secretz']);
  });

  it('sends no request if it is empty, or if the program has ended', async () => {
    const none = watch('', []);
    await none.unknown.start();
    assert.equal(none.state.asked, 0);
    const ending = watch('secretz', []);
    const started = ending.unknown.start();
    ending.unknown.close();
    await started;
    assert.deepEqual([ending.logged, ending.clock.pending], [[], 0]);
  });
});
