import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Client } from '../../../../src/features/explorer/page/api/client.js';
import type { ListScope } from '../../../../src/features/explorer/page/api/requests.js';
import { readAccess } from '../../../../src/features/explorer/page/live/access.js';
import type { Followed } from '../../../../src/features/explorer/page/live/followed.js';
import { LiveList } from '../../../../src/features/explorer/page/live/live-list.js';
import { LiveObject } from '../../../../src/features/explorer/page/live/live-object.js';
import { PodLog } from '../../../../src/features/explorer/page/live/pod-log.js';
import { RawWatch } from '../../../../src/features/explorer/page/live/raw-watch.js';
import type { Source } from '../../../../src/features/explorer/page/live/source.js';
import { recorded, resourceOf } from './recorded-index.js';

const pods = resourceOf('', 'pods');
const scope: ListScope = { resource: pods, namespace: 'a' };
const pod = { resource: pods, namespace: 'a', name: 'one' };

/** What the API server answers: a status code without a body, an object, or the lines of a stream. */
type Reply = number | object | readonly (object | string)[];

/**
 * A page whose requests get these replies, one after the other; after the last one the model is closed. Pauses take no time. Over HTTP/1.1
 * no WebSocket can be opened, so streams are read as ordinary answers.
 */
function pageWith(t: TestContext, version: 'h2' | 'http/1.1', replies: readonly Reply[]) {
  const left = [...replies];
  const sent: string[] = [];
  const signals: (AbortSignal | null | undefined)[] = [];
  const waits: number[] = [];
  let end = () => {};
  const timeline = performance as unknown as { getEntriesByType(type: string): readonly object[] };
  t.mock.method(timeline, 'getEntriesByType', () => [{ nextHopProtocol: version }]);
  class ClosedSocket {
    onclose = (_event: object) => {};
    constructor() {
      queueMicrotask(() => this.onclose({ wasClean: false }));
    }
  }
  const { WebSocket } = globalThis;
  Object.assign(globalThis, { WebSocket: ClosedSocket });
  t.after(() => Object.assign(globalThis, { WebSocket }));
  t.mock.method(globalThis, 'fetch', async (url: string, { headers, signal }: RequestInit) => {
    const form = /as=(\w+)/.exec(new Headers(headers).get('accept') ?? '')?.[1] ?? '';
    sent.push(`${decodeURIComponent(url.slice('http://p/c/api/v1/namespaces/a/'.length))} ${form}`.trim());
    signals.push(signal);
    const next = left.shift();
    if (next === undefined) end();
    signal?.throwIfAborted();
    if (typeof next === 'number') return new Response('', { status: next });
    const lines = Array.isArray(next) ? next : [next];
    const texts = lines.map(line => (typeof line === 'string' ? line : JSON.stringify(line)));
    return new Response(texts.map(text => `${text}\n`).join(''));
  });
  const source: Source = {
    client: new Client('http://p'),
    prefix: '/c',
    index: recorded,
    page: {
      visible: async () => {},
      onHidden: () => {},
      async wait(milliseconds, signal) {
        waits.push(milliseconds);
        // A pause is a turn of the event loop, so that other requests of the model come first.
        await new Promise(resolve => setImmediate(resolve));
        signal.throwIfAborted();
      },
    },
  };
  /** Runs a model until it has had all replies, or has failed. Returns what `see` saw after each change. */
  const run = <M extends Followed, T>(model: M, see: (model: M) => T): Promise<T[]> =>
    new Promise(resolve => {
      const seen: T[] = [];
      end = () => {
        model.close();
        assert.ok(
          signals.every(signal => signal?.aborted),
          'a closed model reads on',
        );
        resolve(seen);
      };
      model.subscribe(() => {
        seen.push(see(model));
        const { error, state, isGone } = model as M & { readonly isGone?: boolean };
        if (error !== undefined || state.kind === 'ended' || (isGone && left.length === 0)) end();
      });
      model.start();
    });
  /** The pauses besides those between two attempts, which are random. */
  const pauses = () => waits.filter(wait => Number.isInteger(wait) && wait >= 100);
  return { source, sent, run, pauses };
}

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
    const seen = await run(list, ({ progress }) => ({ progress, rows: rowsOf(list).join() }));
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

describe('the log of a Pod', () => {
  const lines = [
    '2024-01-02T03:04:05.1Z one',
    '2024-01-02T03:04:05.2Z',
    'no time',
    '2024-01-02T03:04:05.3Z  two',
  ];

  it('has the times and texts of its lines, and ends if it is not followed', async t => {
    const { source, sent, run } = pageWith(t, 'h2', [
      [...lines, '20x4-01-02T03:04:05.3Z z', '2024-0y-02T03:04:05Z z'],
    ]);
    const log = new PodLog(source, pod, { container: 'c' });
    await run(log, () => 0);
    assert.deepEqual(log.state, { kind: 'ended' });
    assert.deepEqual(
      log.lines.map(({ id, time, text }) => `${id} ${time.slice(17)}: ${text}`),
      [
        ...['0 05.1Z: one', '1 05.2Z: ', '2 : no time', '3 05.3Z:  two', '4 : 20x4-01-02T03:04:05.3Z z'],
        '5 : 2024-0y-02T03:04:05Z z',
      ],
    );
    assert.deepEqual(sent, ['pods/one/log?container=c&tailLines=500&timestamps=true']);
  });

  it('goes on after its last line if it is followed', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { source, sent, run } = pageWith(t, 'h2', [
      lines,
      [...lines.slice(1), '2024-01-02T03:04:05.4Z three'],
      [],
    ]);
    const log = new PodLog(source, pod, { follow: true });
    const { wait } = source.page;
    // The lines are drawn while the model waits for its next attempt.
    Object.assign(source.page, {
      wait(milliseconds: number, signal: AbortSignal) {
        t.mock.timers.tick(100);
        return wait(milliseconds, signal);
      },
    });
    await run(log, () => 0);
    assert.deepEqual(
      log.lines.map(({ text }) => text),
      ['one', '', 'no time', ' two', 'no time', 'three'],
    );
    const follow = 'follow=true&timestamps=true';
    assert.deepEqual(sent.slice(0, 2), [
      `pods/one/log?tailLines=500&${follow}`,
      `pods/one/log?sinceTime=2024-01-02T03:04:05Z&${follow}`,
    ]);
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
