import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Client } from '../../../../src/features/explorer/page/api/client.js';
import type { ListScope } from '../../../../src/features/explorer/page/api/requests.js';
import { readAccess } from '../../../../src/features/explorer/page/live/access.js';
import { LiveList } from '../../../../src/features/explorer/page/live/live-list.js';
import { LiveObject } from '../../../../src/features/explorer/page/live/live-object.js';
import { RawWatch } from '../../../../src/features/explorer/page/live/raw-watch.js';
import type { Source } from '../../../../src/features/explorer/page/live/source.js';
import { recorded, resourceOf } from './recorded-index.js';
import { pageWith } from './scripted-page.js';

const pods = resourceOf('', 'pods');
const scope: ListScope = { resource: pods, namespace: 'a' };
const pod = { resource: pods, namespace: 'a', name: 'one' };

const metadata = (name: string, resourceVersion: string) => ({ namespace: 'a', name, resourceVersion });
const row = (name: string, version: string) => ({
  cells: [name],
  object: { metadata: metadata(name, version) },
});
const table = (rows: object[], meta: object = {}) => ({
  ...{ kind: 'Table', metadata: meta, rows },
  columnDefinitions: [{ name: 'Name' }],
});
const watch = (version: string) =>
  `pods?watch=true&allowWatchBookmarks=true${version && `&resourceVersion=${version}`}&timeoutSeconds=280`;
const error = (code: number) => ({ type: 'ERROR', object: { kind: 'Status', code, message: 'told' } });
const rowsOf = ({ rows }: LiveList) => [...rows.values()].map(({ name, changes }) => `${name} ${changes}`);

describe('a list that is shown', () => {
  it('is read page by page, then live as tables, and again from the start after a 410', async t => {
    const { source, sent, run } = pageWith(t, 'h2', [
      table([row('one', '1')], { resourceVersion: '7', continue: 'more', remainingItemCount: 1 }),
      table([row('two', '2')], { resourceVersion: '8' }),
      [
        { type: 'ADDED', object: table([row('three', '9')]) },
        { type: 'MODIFIED', object: table([row('one', '10')], { resourceVersion: '10' }) },
        { type: 'DELETED', object: table([row('two', '11')]) },
        { type: 'BOOKMARK', object: table([row('', '20')]) },
      ],
      [error(410)],
      table([row('one', '10'), row('four', '21')], { resourceVersion: '22' }),
    ]);
    const list = new LiveList(source, scope);
    const seen = await run(list, ({ progress, secondPage }) => ({
      ...{ progress, secondPage, rows: rowsOf(list).join() },
    }));
    assert.deepEqual(
      [...new Set(seen.map(({ rows }) => rows))],
      [
        ...['one 0', 'one 0,two 0', 'one 0,two 0,three 1', 'one 1,two 0,three 1', 'one 1,three 1'],
        ...['one 1,three 1,four 1', 'one 1,four 1'],
      ],
    );
    assert.deepEqual(
      seen.slice(0, 3).map(({ progress }) => progress),
      [{ loaded: 1, remaining: 1 }, { loaded: 2, remaining: 0 }, undefined],
    );
    assert.deepEqual(sent, [
      ...['pods?limit=500 Table', 'pods?limit=500&continue=more Table', `${watch('7')} Table`],
      ...[`${watch('20')} Table`, 'pods?limit=500 Table', `${watch('22')} Table`],
    ]);
    assert.deepEqual([list.columns.map(({ name }) => name), list.error], [['Name'], undefined]);
    assert.deepEqual(
      [...new Set(seen.map(({ secondPage }) => secondPage))],
      ['more', ''],
      'the last list has one page',
    );
  });

  it('over HTTP/1.1 reads the rows of the objects that have changed, or all of them where it may not', async t => {
    const event = (type: string, name: string, version: string) => ({
      type,
      object: { metadata: metadata(name, version) },
    });
    const { source, sent, run, pauses } = pageWith(t, 'http/1.1', [
      table([row('one', '1'), row('two', '2'), row('three', '3')], { resourceVersion: '7' }),
      [
        ...['one', 'two', 'four'].map(name => event('MODIFIED', name, '8')),
        event('DELETED', 'three', '9'),
        event('BOOKMARK', '', '10'),
      ],
      table([row('one', '8')]),
      404,
      403,
      table([row('one', '8'), row('four', '8')], { resourceVersion: '11' }),
    ]);
    const list = new LiveList(source, scope);
    await run(list, () => 0);
    assert.deepEqual(rowsOf(list), ['one 1', 'four 1']);
    const all = 'pods?limit=500 Table';
    const single = ['one', 'two', 'four'].map(name => `pods/${name} Table`);
    assert.deepEqual(sent.slice(0, 6), [all, watch('7'), ...single, all]);
    assert.deepEqual(pauses().slice(0, 3), [100, 100, 2_000]);
  });

  it('is read at intervals by a user who may not watch it, and fails for one who may not list it', async t => {
    const page = table([row('one', '1')], { resourceVersion: '7' });
    const { source, sent, run, pauses } = pageWith(t, 'h2', [page, [error(403)], page, page, 403]);
    const list = new LiveList(source, scope);
    await run(list, () => 0);
    const all = 'pods?limit=500 Table';
    assert.deepEqual(sent, [all, `${watch('7')} Table`, all, all, all]);
    assert.deepEqual(pauses().slice(0, 2), [10_000, 10_000]);
    assert.deepEqual([list.error, list.progress], ['403: HTTP 403', undefined]);
  });
});

describe('an object that is shown', () => {
  it('is live, with its last change, until it is gone', async t => {
    const { source, sent, run } = pageWith(t, 'h2', [
      { kind: 'Pod', apiVersion: 'v1', metadata: metadata('one', '1'), spec: 1 },
      [
        { type: 'ADDED', object: { metadata: metadata('one', '1'), spec: 1 } },
        { type: 'BOOKMARK', object: { metadata: metadata('', '5') } },
        { type: 'MODIFIED', object: { metadata: metadata('one', '6'), spec: 2 } },
        { type: 'DELETED', object: { metadata: metadata('one', '7'), spec: 2 } },
        { type: 'ADDED', object: { metadata: metadata('one', '8'), spec: 2 } },
      ],
      404,
    ]);
    const object = new LiveObject(source, pod);
    const seen = await run(object, ({ isGone, changes, changedAt }) =>
      [isGone, changes.map(({ path }) => path.join('.')).join(), changedAt !== undefined].join(' '),
    );
    const [unchanged, changed] = ['false  false', 'false spec true'];
    assert.deepEqual([...new Set(seen)], [unchanged, changed, 'true  true', 'false  true']);
    assert.equal(object.isGone, true);
    const last = { kind: 'Pod', apiVersion: 'v1', metadata: metadata('one', '8'), spec: 2 };
    assert.deepEqual(object.object, last);
    assert.deepEqual(sent.slice(0, 2), ['pods/one', `${watch('')}&fieldSelector=metadata.name=one`]);
    assert.equal(object.error, undefined);
  });

  it('is read at intervals by a user who may not watch it, and is an error if it never was there', async t => {
    const one = { metadata: metadata('one', '1') };
    const polled = pageWith(t, 'h2', [one, 403, one]);
    const object = new LiveObject(polled.source, pod);
    await polled.run(object, () => 0);
    const { changes, object: read } = object;
    assert.deepEqual([read?.metadata, changes, polled.pauses()[0]], [one.metadata, [], 5_000]);
    t.mock.restoreAll();
    const missing = pageWith(t, 'h2', [404]);
    const other = new LiveObject(missing.source, pod);
    await missing.run(other, () => 0);
    assert.deepEqual([other.error, other.isGone], ['404: HTTP 404', false]);
  });
});

it('the events of a watch are shown as they came, the newest first, and go on after the last one', async t => {
  const secret = { resource: resourceOf('', 'secrets'), namespace: 'a' };
  const event = (name: string, version: string) => ({
    type: 'ADDED',
    object: { metadata: metadata(name, version), data: { key: 'c2VjcmV0' } },
  });
  const { source, sent, run } = pageWith(t, 'h2', [
    [event('one', '1'), event('two', '2')],
    [error(410)],
    [event('three', '3'), 'no JSON', event('four', '4')],
  ]);
  const raw = new RawWatch(source, secret);
  const states = await run(raw, ({ state }) => (state.kind === 'away' ? state.reason : state.kind));
  assert.deepEqual(
    raw.events.map(({ id, type, object }) => `${id} ${type} ${object.metadata?.name}`),
    ['2 ADDED three', '1 ADDED two', '0 ADDED one'],
  );
  assert.ok(!JSON.stringify(raw.events).includes('c2VjcmV0'));
  assert.ok(states.includes('the watch sent a line that is not an event'), states.join());
  assert.deepEqual(
    sent.map(url => /resourceVersion=(\d+)/.exec(url)?.[1]),
    [undefined, '2', undefined, '3'],
  );
});

describe('what a user may do with a resource', () => {
  /** The verdicts, where the proxy refuses to delete, RBAC lets the user get, and a review lets the user read logs. */
  async function verdicts(t: TestContext, namespace: string, failing = '') {
    const questions: string[] = [];
    t.mock.method(globalThis, 'fetch', async (url: string, { body }: RequestInit) => {
      if (url.includes(failing || 'nothing')) return new Response('', { status: 503 });
      if (url.includes('/-/rules?')) {
        const asked = new URL(url).searchParams.getAll('request');
        questions.push(`${asked.length} rules`);
        const requests = asked.map(line =>
          line.startsWith('DELETE ')
            ? { allowed: false, message: 'no deletes' }
            : { allowed: true, note: 'noted' },
        );
        return Response.json({ requests });
      }
      const { spec } = JSON.parse(String(body)) as { spec: { resourceAttributes?: Record<string, string> } };
      if (spec.resourceAttributes === undefined) {
        const rule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
        return Response.json({ status: { resourceRules: [rule], incomplete: true } });
      }
      const { verb, resource, subresource, group, version, ...place } = spec.resourceAttributes;
      questions.push([verb, resource, subresource, place['namespace']].join(' '));
      assert.deepEqual([group, version, Object.keys(place).length], ['', 'v1', namespace === '' ? 0 : 1]);
      assert.notEqual(subresource, '');
      return Response.json({ status: { allowed: subresource === 'log' } });
    });
    const source = { client: new Client('http://p'), prefix: '/c', index: recorded } as Source;
    const { verdicts, problem } = await readAccess(source, pods, namespace, new AbortController().signal);
    t.mock.restoreAll();
    return { of: (key: string) => verdicts.get(key), problem, questions };
  }

  it('is decided by the rules of the proxy, those of the API server, and then reviews', async t => {
    const { of, problem, questions } = await verdicts(t, 'a');
    assert.deepEqual(of('/delete'), { kind: 'refused', message: 'no deletes' });
    assert.deepEqual(of('/get'), { kind: 'yes', note: 'noted' });
    assert.deepEqual(of('log/get'), { kind: 'yes', note: 'noted' });
    assert.deepEqual(of('exec/create'), { kind: 'no' });
    assert.equal(problem, undefined);
    assert.ok(questions.includes('list pods  a') && questions.includes('get pods log a'), questions.join());
    assert.ok(!questions.some(question => question.startsWith('get pods  ')));
    const rules = questions.filter(question => question.endsWith(' rules'));
    assert.ok(
      rules.length > 1 && rules.slice(0, -1).every(question => question === '15 rules'),
      rules.join(),
    );
  });

  it('is asked in reviews for all namespaces, or where the rules cannot be read, and unknown without an answer', async t => {
    const everywhere = await verdicts(t, '');
    assert.deepEqual([everywhere.of('/get'), everywhere.of('log/get')?.kind], [{ kind: 'no' }, 'yes']);
    assert.deepEqual((await verdicts(t, 'a', 'selfsubjectrulesreviews')).of('/get'), { kind: 'no' });
    const unanswered = await verdicts(t, 'a', 'selfsubjectaccessreviews');
    assert.deepEqual([unanswered.of('/get')?.kind, unanswered.of('/list')], ['yes', { kind: 'unknown' }]);
    assert.equal(unanswered.problem, '503: HTTP 503');
  });
});
