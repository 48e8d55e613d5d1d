import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { readRecordedDiscovery } from '../../../support/recorded-discovery.js';
import { FakeWindow } from './fake-window.js';

new FakeWindow('https://gw.example/-/ui/');
const { Client, proxyItself } = await import('../../../../src/features/explorer/page/api/client.js');
const { Store, store } = await import('../../../../src/features/explorer/page/store.js');

const { core, groups } = readRecordedDiscovery();
const review = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
const tokensKey = 'kube-api-proxy-tokens /-/ui/';
const visitsKey = 'kube-api-proxy-namespaces /-/ui/';
const one = { name: 'one', path: '/clusters/one', server: 'https://one', current: true, state: 'ready' };
const two = { ...one, name: 'two', path: '/clusters/two', current: false };

/** What the proxy says of its clusters. */
const clusters = (more: object = {}) => ({
  ...{ root: { path: '' }, clusters: [one, two], sandboxesProxiedPages: true, sharesTokens: false },
  ...more,
});

/** The answer to one request: a status without a body, an object, or what its token decides. */
type Answer = number | object | ((token: string | undefined) => number | object | Promise<object>);

/** A page in front of two clusters, in a window at a view with this storage. Answers may change meanwhile. */
function load(
  t: TestContext,
  {
    view = '',
    stored = {} as Readonly<Record<string, string>>,
    kept = '',
    answers = {} as Record<string, Answer>,
  } = {},
) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(performance, 'getEntriesByType', () => [{ type: 'navigate' }]);
  const window = new FakeWindow(`https://gw.example/-/ui/${view && `#${view}`}`);
  for (const [key, value] of Object.entries(stored)) window.stored.set(key, value);
  if (kept !== '') window.kept?.set(visitsKey, kept);
  const user = { status: { userInfo: { username: 'alice' } } };
  const all: Record<string, Answer> = {
    '/-/clusters': clusters({ clusters: [two, one], hasOwnAuthority: true }),
    ...Object.fromEntries(
      ['', '/clusters/two'].flatMap(prefix => [
        [`${prefix}/api`, core],
        [`${prefix}/apis`, groups],
        [prefix + review, user],
      ]),
    ),
    ...answers,
  };
  const sent: string[] = [];
  t.mock.method(globalThis, 'fetch', async (url: string, init: RequestInit) => {
    const path = url.slice('https://gw.example'.length);
    const token = new Headers(init.headers).get('authorization')?.slice('Bearer '.length);
    sent.push(path + (token === undefined ? '' : ` ${token}`));
    const given = all[path] ?? 404;
    const answer = typeof given === 'function' ? await given(token) : given;
    return typeof answer === 'number' ? new Response('', { status: answer }) : Response.json(answer);
  });
  const page = new Store(new Client('https://gw.example'), { address: '', answer: undefined });
  t.after(() => page.signOut());
  /** Waits until the state is so. */
  const until = async (isSo: (state: typeof page.state) => boolean) => {
    for (let turn = 0; turn < 2_000 && !isSo(page.state); turn++) await null;
    assert.ok(isSo(page.state), JSON.stringify({ ...page.state, index: page.state.index.kind }));
    return page.state;
  };
  const closed = async (problem: string, by = 'proxy') => {
    const { session } = await until(({ session: { kind } }) => kind === 'closed');
    assert.deepEqual(session, { kind: 'closed', by, problem });
  };
  const ready = () => until(({ user: { kind } }) => kind === 'ready');
  /** Lets this time pass. */
  const pass = async (milliseconds: number) => {
    t.mock.timers.tick(milliseconds);
    for (let turn = 0; turn < 100; turn++) await null;
  };
  const tokens = () => window.stored.get(tokensKey);
  page.start();
  return { page, window, answers: all, sent, until, closed, ready, pass, tokens };
}

const mustHave = (accepted: string, answer: object) => (token: string | undefined) =>
  token === accepted ? answer : 401;
const needsToken = { '/-/clusters': mustHave('good', clusters()) };

describe('the page', () => {
  it('is at the address of its proxy', () => {
    assert.equal(store.client.base, 'https://gw.example');
    assert.equal(store.state.session.kind, 'checking');
  });

  it('reads the clusters, then what the one of the view has, then who the user is there, which another view does not change', async t => {
    const { page, window, ready, sent, until } = load(t);
    let drawn = 0;
    const leave = page.subscribe(() => {
      drawn += 1;
    });
    const state = await ready();
    assert.equal(state.session.kind, 'open');
    assert.deepEqual(
      state.clusters.map(({ name }) => name),
      ['one', 'two'],
    );
    assert.deepEqual([state.cluster?.name, state.namespace], ['one', '']);
    assert.ok(state.index.kind === 'ready' && state.index.value.preferred('apps', 'deployments'));
    assert.deepEqual(state.user, { kind: 'ready', value: { username: 'alice' } });
    assert.deepEqual(sent, ['/-/clusters', '/api', '/apis', review]);
    assert.equal(page.client.hasOwnAuthority, true);
    assert.ok(drawn > 3);
    leave();
    const before = drawn;
    const { index } = state;
    sent.length = 0;
    window.show('/api/v1/pods');
    assert.deepEqual([page.state.address.text, page.state.index === index], ['/api/v1/pods', true]);
    const { address } = page.state;
    window.show('/api/v1/pods');
    assert.equal(page.state.address, address);
    assert.deepEqual([sent, drawn], [[], before]);
    for (const view of ['/clusters/two/api/v1/pods', '/clusters/two/api/v1/nodes']) {
      window.show(view);
      assert.equal(page.state.cluster?.name, 'two');
      assert.equal(page.state.address.cluster, '/clusters/two');
      await until(({ user: { kind } }) => kind === 'ready');
      assert.equal(sent.length, 3);
    }
    // The other name of the first cluster.
    window.show('/clusters/one/api/v1/pods');
    assert.equal(page.state.cluster?.name, 'one');
    await ready();
    window.show('/clusters/gone/api/v1/pods');
    assert.equal(page.state.cluster?.name, 'one');
  });

  it('stays in the namespace of its views, until one is of all namespaces or of another cluster', async t => {
    const { page, window, ready } = load(t, { view: '/api/v1/namespaces/dev/pods' });
    await ready();
    for (const [view, namespace] of [
      ['/api/v1/namespaces/dev/pods', 'dev'],
      ['/api/v1/nodes', 'dev'],
      ['/apis/apps', 'dev'],
      ['/apis/unknown.example/v1/things', 'dev'],
      ['/api/v1/pods', ''],
      ['/api/v1/namespaces/ops/pods/a', 'ops'],
      ['/clusters/two/api/v1/nodes', ''],
    ] as const) {
      window.show(view);
      assert.equal(page.state.namespace, namespace, view);
    }
  });

  it('begins in the last namespace of this caller in this cluster, which this browser keeps until the caller signs out', async t => {
    const kept = JSON.stringify([
      ['', 'bob', 'bobs'],
      ['', 'alice', 'team-a', 'dev'],
      ['/clusters/two', 'alice', 'team-b'],
    ]);
    const { page, window, ready, until } = load(t, { view: '/api/v1/nodes', kept });
    await ready();
    assert.equal(page.state.namespace, 'team-a');
    window.show('/clusters/two/');
    await until(({ user, cluster }) => user.kind === 'ready' && cluster?.name === 'two');
    assert.equal(page.state.namespace, 'team-b');
    window.show('/clusters/two/api/v1/namespaces/team-c/pods');
    window.show('/clusters/two/api/v1/pods');
    window.show('/clusters/two/api/v1/nodes');
    assert.equal(page.state.namespace, '', 'all namespaces were the last ones');
    const visits = JSON.parse(window.kept?.get(visitsKey) ?? '');
    assert.deepEqual(visits[0], ['/clusters/two', 'alice', '', 'team-c', 'team-b']);
    void page.signOut();
    assert.equal(window.kept?.size, 0);
  });

  it('tries again until the proxy answers, and then the API server, but not after it has refused, and says what is wrong', async t => {
    const { page, answers, pass, until, ready, window, sent } = load(t, {
      answers: { '/-/clusters': 503, '/api': 503, '/clusters/two/apis': 403 },
    });
    for (const [kind, path, answer] of [
      ['checking', '/-/clusters', clusters()],
      ['open', '/api', core],
    ] as const) {
      const { index } = await until(
        ({ session, index }) => session.kind === kind && 'problem' in index && index.problem !== undefined,
      );
      assert.deepEqual(index, { kind: 'loading', problem: '503: HTTP 503' });
      answers[path] = answer;
      await pass(2_999);
      assert.deepEqual([page.state.session.kind, page.state.index.kind], [kind, 'loading']);
      await pass(1);
    }
    await ready();
    window.show('/clusters/two');
    const failed = await until(state => state.index.kind === 'failed');
    assert.deepEqual(failed.index, { kind: 'failed', problem: '403: HTTP 403' });
    sent.length = 0;
    await pass(9_000);
    assert.deepEqual(sent, []);
  });

  it('shows the API even if the API server does not say who the user is', async t => {
    const { until, window } = load(t, { answers: { [review]: 403, [`/clusters/two${review}`]: {} } });
    const { user, index } = await until(state => state.user.kind === 'failed');
    assert.deepEqual([user, index.kind], [{ kind: 'failed', problem: '403: HTTP 403' }, 'ready']);
    window.show('/clusters/two');
    const other = await until(state => state.user.kind === 'ready');
    assert.deepEqual(other.user, { kind: 'ready', value: {} });
  });

  it('drops what comes late for a cluster that is shown no more', async t => {
    const late = load(t);
    await late.until(({ cluster }) => cluster !== undefined);
    late.window.show('/clusters/two');
    const { cluster } = await late.ready();
    assert.equal(cluster?.name, 'two');
    await late.pass(0);
    assert.equal(late.sent.includes(review), false);
  });

  it('reads the states of the clusters again every 15 s while it is visible, until its user leaves', async t => {
    const { page, answers, sent, pass, ready, window } = load(t);
    await ready();
    sent.length = 0;
    answers['/-/clusters'] = clusters({ clusters: [{ ...one, state: 'failing' }, two] });
    await pass(15_000);
    assert.deepEqual([sent, page.state.clusters[0]?.state], [['/-/clusters'], 'failing']);
    window.turn('hidden');
    await pass(15_000);
    assert.equal(sent.length, 1);
    window.turn('visible');
    answers['/-/clusters'] = 503;
    await pass(15_000);
    assert.deepEqual([sent.length, page.state.clusters[0]?.state], [2, 'failing']);
    await page.signOut();
    await pass(15_000);
    assert.equal(sent.length, 2);
  });
});

describe('a user who needs a token', () => {
  it('is asked for it, then has everything, and is asked again once it is accepted no more', async t => {
    const { page, answers, closed, ready, until, tokens, window } = load(t, {
      answers: { ...needsToken, '/-/sign-in': { issuers: [] } },
    });
    await closed('');
    await page.signInAt('https://login.example');
    await closed('The proxy no longer offers this issuer.');
    for (const token of [
      ...['', 'a b', '<img src=x onerror=alert(1)>', 'a\u0000b', 'ключ', '🔑', '"; rm -rf /', 'Bearer good'],
      ...['good, other', '%0d%0aX-Remote-User: admin', '\u202eabc', 'x\r\nImpersonate-User: admin', 'good\n'],
    ]) {
      page.signIn(token);
      assert.equal(page.client.hasToken, false, token);
    }
    await closed('The token contains invalid characters.');
    page.signIn('bad');
    assert.equal(page.state.session.kind, 'checking');
    await closed('The token is not accepted.');
    page.signIn('good');
    await ready();
    assert.equal(tokens(), JSON.stringify([[proxyItself, 'good']]));
    page.signIn('ignored');
    assert.equal(page.client.tokens.get(proxyItself), 'good');
    answers['/api'] = 401;
    window.show('/clusters/two');
    window.show('');
    await closed('The token is not accepted.');
    const { clusters: left, cluster, index, user } = await until(() => true);
    assert.deepEqual([left, cluster, index.kind, user.kind], [[], undefined, 'loading', 'loading']);
    assert.equal(tokens(), undefined);
    assert.equal(page.client.hasToken, false);
  });

  it('keeps it over a reload only if no page of a Pod can read it, and stores nothing if there is none', async t => {
    const token = JSON.stringify([[proxyItself, 'good']]);
    for (const [stored, sandboxesProxiedPages, kept] of [
      [{ [tokensKey]: token }, true, token],
      [{ [tokensKey]: token }, false, undefined],
      [{}, true, undefined],
    ] as const) {
      const answer = clusters({ sandboxesProxiedPages });
      const answers = { '/-/clusters': kept === undefined ? answer : mustHave('good', answer) };
      const { ready, tokens } = load(t, { stored, answers });
      assert.equal(tokens(), undefined);
      await ready();
      assert.equal(tokens(), kept);
      t.mock.timers.reset();
    }
  });

  it('is asked for another one by another cluster, which alone gets it', async t => {
    const { page, window, closed, ready, sent, until, tokens } = load(t, {
      answers: { '/clusters/two/api': mustHave('two', core) },
      stored: { [tokensKey]: '[' },
    });
    await ready();
    window.show('/clusters/two');
    await closed('', 'cluster');
    assert.deepEqual([page.state.cluster?.name, page.state.clusters.length], ['two', 2]);
    page.signIn('bad');
    await closed('The token is not accepted.', 'cluster');
    sent.length = 0;
    page.signIn('two');
    await until(state => state.user.kind === 'ready');
    assert.ok(sent.includes('/clusters/two/apis two') && sent.includes('/-/clusters'), sent.join());
    assert.equal(tokens(), JSON.stringify([['/clusters/two', 'two']]));
    window.show('');
    await ready();
    assert.ok(sent.includes('/api'));
  });

  it('is asked by the proxy if another cluster refuses the token of an issuer', async t => {
    const { page, window, closed, ready } = load(t, { answers: { '/clusters/two/api': 401 } });
    await ready();
    page.client.session = { token: 'id', ready: () => undefined, replace: async () => {} };
    window.show('/clusters/two');
    await closed('The token is not accepted.');
    assert.equal(page.client.session, undefined);
  });

  it('leaves nothing behind at signing out, nor in a document that a browser shows again', async t => {
    const { page, window, ready, closed, tokens, pass } = load(t, { answers: { ...needsToken } });
    const show = (persisted: boolean) =>
      window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted }));
    await closed('');
    for (const leave of [() => page.signOut(), () => show(true)]) {
      page.signIn('good');
      await ready();
      show(false);
      assert.equal(page.client.hasToken, true);
      void leave();
      assert.deepEqual([page.client.hasToken, tokens(), page.state.clusters], [false, undefined, []]);
      await closed('');
      await pass(15_000);
      assert.equal(page.state.session.kind, 'closed');
    }
  });

  it('is not shown what was asked for before signing out', async t => {
    const { page, answers, window, ready, closed, pass } = load(t, {
      stored: { [tokensKey]: JSON.stringify([[proxyItself, 'good']]) },
    });
    const leave = async () => {
      window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
      await closed('');
    };
    let answer = (_clusters: object) => {};
    const late = () =>
      new Promise<object>(resolve => {
        answer = resolve;
      });
    await ready();
    answers['/-/clusters'] = late;
    await pass(15_000);
    await leave();
    answer(clusters());
    await pass(0);
    assert.deepEqual(page.state.clusters, []);
    page.signIn('good');
    await pass(0);
    await leave();
    answer(clusters());
    await pass(0);
    assert.equal(page.state.session.kind, 'closed');
  });
});

describe('a page whose user is not shown all clusters', () => {
  const listed = (...names: object[]) => clusters({ clusters: names, isComplete: false });

  it('begins at the first one where that of / is not among them, and says that others may be missing', async t => {
    const { page, window, ready } = load(t, { answers: { '/-/clusters': listed(two) } });
    const { cluster, hasAllClusters } = await ready();
    assert.deepEqual([cluster?.name, hasAllClusters], ['two', false]);
    assert.equal(window.location.hash, '#/clusters/two/');
    assert.equal(page.state.session.kind, 'open');
  });

  it('says so at an address of none of them, and when the one that it shows goes', async t => {
    const { answers, window, ready, until, pass } = load(t, { answers: { '/-/clusters': listed(two) } });
    await ready();
    const gone = 'no cluster that you are shown is at this address';
    window.show('/api/v1/pods');
    const { cluster, index } = await until(state => state.index.kind === 'failed');
    assert.deepEqual([cluster, index], [undefined, { kind: 'failed', problem: gone }]);
    window.show('/clusters/two/api/v1');
    await ready();
    answers['/-/clusters'] = clusters({ clusters: [] });
    await pass(15_000);
    const state = await until(state => state.index.kind === 'failed');
    assert.deepEqual([state.cluster, state.hasAllClusters], [undefined, true]);
  });
});
