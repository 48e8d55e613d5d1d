import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FollowedList, type ObjectChange } from '../../../src/features/common/followed-list.js';
import type { JsonObject } from '../../../src/lib/json.js';
import { ManualClock } from '../../support/manual-clock.js';
import { type FakeLease, FakePool } from '../../support/transport/fake-pool.js';
import { accessTo, onlySource } from '../../support/transport/upstream-requests.js';

let pool: FakePool;
let clock: ManualClock;
let changes: string[];
let stateChanges: number;
let list: FollowedList<string>;
beforeEach(() => {
  pool = new FakePool();
  clock = new ManualClock(0);
  changes = [];
  stateChanges = 0;
  list = new FollowedList({
    cluster: { host: 'api:6443', current: undefined, ...onlySource(accessTo(pool)) },
    path: '/apis/example.com/v1/things',
    keep: object => String(object['color']),
    changed: ({ key, before, after }: ObjectChange<string>) => changes.push(`${key}: ${before} > ${after}`),
    stateChanged: () => {
      stateChanges += 1;
    },
    clock,
    random: () => 0,
  });
  list.follow();
});

function thing(name: string, version: number, color: string, more: JsonObject = {}): JsonObject {
  return {
    metadata: { name, namespace: 'ns', uid: `uid-${name}`, resourceVersion: String(version), ...more },
    color,
  };
}

const latest = () => pool.leases.at(-1) as FakeLease;

async function answer(status: number, body: unknown): Promise<void> {
  latest().head(status);
  latest().body(JSON.stringify(body));
  latest().sink.end();
  await turn();
}

const answerList = (version: number, ...items: JsonObject[]) =>
  answer(200, { metadata: { resourceVersion: String(version) }, items });

/** An error ends the round trip that reads the event. */
function error(code: number): void {
  const line = `${JSON.stringify({ type: 'ERROR', object: { code, message: 'too old' } })}\n`;
  assert.throws(() => latest().body(line), /too old/);
  latest().sink.error(new Error('too old'));
}

async function pass(milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await turn();
}

/** How many requests were sent, and the last one. */
const asked = () => [
  pool.leases.length,
  latest()
    .request.path.replace(/^.*things\?/, '')
    .replace(/&timeoutSeconds=300$/, ''),
];
const watchFrom = (version: number) => `watch=true&allowWatchBookmarks=true&resourceVersion=${version}`;

async function open(version: number, ...items: JsonObject[]): Promise<void> {
  await answerList(version, ...items);
  latest().head(200);
}

describe('a followed list', () => {
  it('is a list of pages, and then a watch from its version; it is synced when the watch is open', async () => {
    assert.deepEqual(asked(), [1, 'limit=500']);
    const first = { metadata: { resourceVersion: '7', continue: 'a/b' }, items: [thing('one', 3, 'red')] };
    await answer(200, first);
    assert.deepEqual(asked(), [2, 'limit=500&continue=a%2Fb']);
    assert.deepEqual([changes, list.isSynced], [[], false]);
    await answerList(7, thing('two', 4, 'blue'));
    assert.deepEqual([latest().request.method, ...asked()], ['GET', 3, watchFrom(7)]);
    assert.deepEqual(changes, ['ns/one: undefined > red', 'ns/two: undefined > blue']);
    assert.deepEqual([list.isSynced, list.isOpen], [false, false]);
    latest().head(200);
    assert.deepEqual([list.isSynced, list.isOpen, list.problem], [true, true, undefined]);
    assert.deepEqual([...list.keys, ...list.values()], ['ns/one', 'ns/two', 'red', 'blue']);
  });

  it('reads events however they are cut, keeps only what it needs of an object, and goes on from the last version', async () => {
    await open(7, thing('one', 3, 'red'));
    const lines = [
      { type: 'MODIFIED', object: thing('one', 8, 'green') },
      { type: 'ADDED', object: thing('two', 9, 'blue') },
      { type: 'DELETED', object: thing('one', 10, 'green') },
      { type: 'BOOKMARK', object: { metadata: { resourceVersion: '12' } } },
    ];
    const bytes = Buffer.from(lines.map(line => `${JSON.stringify(line)}\n`).join(''));
    for (let at = 0; at < bytes.length; at += 7) latest().body(bytes.subarray(at, at + 7).toString('latin1'));
    assert.deepEqual(changes, [
      'ns/one: undefined > red',
      'ns/one: red > green',
      'ns/two: undefined > blue',
      'ns/one: green > undefined',
    ]);
    assert.deepEqual([list.size, list.get('ns/two')], [1, 'blue']);
    latest().sink.end();
    assert.deepEqual([list.isSynced, list.isOpen, list.problem], [true, false, undefined]);
    await pass(1_000);
    assert.deepEqual([...asked(), list.isOpen], [3, watchFrom(12), false]);
    latest().head(200);
    assert.equal(stateChanges, 1);
  });

  it('lists again after a version that is too old, and says only what is different', async () => {
    for (const isEvent of [true, false]) {
      await open(7, thing('one', 3, 'red'), thing('two', 4, 'blue'), thing('three', 5, 'red'));
      if (isEvent) error(410);
      else {
        latest().sink.end();
        await pass(1_000);
        await answer(410, {});
      }
      changes = [];
      assert.equal(list.isSynced, true);
      await pass(2_000);
      assert.equal(asked()[1], 'limit=500');
      await open(20, thing('one', 3, 'red'), thing('two', 9, 'green'), thing('four', 8, 'red'));
      assert.deepEqual(changes, [
        'ns/three: red > undefined',
        'ns/two: blue > green',
        'ns/four: undefined > red',
      ]);
      assert.equal(list.problem, undefined);
      list.replaced();
    }
  });

  it('says why it is not up to date, and asks less and less often', async () => {
    await answer(403, {});
    assert.deepEqual([list.isSynced, list.isForbidden], [false, true]);
    assert.match(list.problem ?? '', /answers 403 to a list of \/apis\/example.com\/v1\/things/);
    const waits: number[] = [];
    for (let round = 0; round < 7; round += 1) {
      const before = pool.leases.length;
      for (waits.push(0); pool.leases.length === before; waits[round] = (waits[round] as number) + 1_000)
        clock.advance(1_000);
      await answer(500, {});
    }
    assert.deepEqual(
      waits,
      [1, 2, 4, 8, 16, 30, 30].map(seconds => seconds * 1_000),
    );
    assert.deepEqual([list.isForbidden, stateChanges], [false, 2], 'it says nothing again');
    clock.advance(30_000);
    await open(7);
    assert.deepEqual([list.isSynced, list.problem, stateChanges], [true, undefined, 3]);
    latest().sink.error(new Error('reset'));
    assert.equal(list.isSynced, true);
    assert.match(list.problem ?? '', /api:6443/);
    assert.equal(stateChanges, 4);
  });

  it('keeps no event that is longer than 16 MB, however it is cut', async () => {
    await open(7);
    const part = 'x'.repeat(2 ** 20);
    for (let count = 0; count < 16; count += 1) latest().body(part);
    assert.throws(() => latest().body('x'), /an event of the watch is too large/);
  });

  it('takes a watch that outlasts its time for dead', async () => {
    await open(7);
    await pass(329_000);
    assert.equal(pool.leases.length, 2);
    await pass(3_000);
    assert.deepEqual(pool.leases[1]?.calls, ['abort']);
    assert.deepEqual(asked(), [3, watchFrom(7)]);
  });

  it('begins anew with another endpoint, whose objects are others even if their versions are equal', async () => {
    await open(7, thing('one', 3, 'red'));
    const watch = latest();
    list.replaced();
    assert.deepEqual(watch.calls, ['abort']);
    assert.deepEqual([list.isSynced, ...asked()], [false, 3, 'limit=500']);
    changes = [];
    await open(7, thing('one', 3, 'blue', { uid: 'another' }));
    assert.deepEqual(changes, ['ns/one: red > blue']);
  });

  it('forgets the answer to what it asked before it began anew, and begins nothing after it is closed', async () => {
    const [old] = pool.leases as [FakeLease];
    list.replaced();
    old.head(200);
    old.body(JSON.stringify({ metadata: { resourceVersion: '1' }, items: [thing('old', 1, 'red')] }));
    old.sink.end();
    await turn();
    assert.deepEqual([changes, pool.leases.length], [[], 2]);
    await open(7);
    const watch = latest();
    list.close();
    assert.deepEqual(watch.calls, ['abort']);
    list.replaced();
    clock.advance(600_000);
    assert.equal(pool.leases.length, 3);
    assert.equal(clock.pending, 0);
  });
});
