import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Turns } from '../../../src/features/shared-watches/turns.js';
import { fieldValue } from '../../../src/http/header-fields.js';
import { LaggingError } from '../../../src/transport/round-trip.js';
import { Sharing, turn } from './sharing.js';
import { bookmarkLine, eventLine } from './watched-server.js';
import type { Asked, WatchingClient } from './watching-client.js';

const objects = eventLine(90) + eventLine(42);

/** The bookmark after the initial events. */
const endLine = (version: number | string) => bookmarkLine(version, { 'k8s.io/initial-events-end': 'true' });

/** A Table as the API server writes it: only the first one has columns. */
function tableLine(version: number, columns: readonly string[] | null, annotations?: object): string {
  const object = {
    ...{ kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: String(version) } },
    columnDefinitions: columns?.map(name => ({ name })) ?? null,
    rows: [{ cells: [version], object: { kind: 'PartialObjectMetadata', metadata: { annotations } } }],
  };
  return `${JSON.stringify({ type: annotations === undefined ? 'MODIFIED' : 'BOOKMARK', object })}\n`;
}

const assertLags = ({ ended }: WatchingClient) => assert.ok(ended instanceof LaggingError);

const initial: Asked = { initial: true, bookmarks: true };

/** Two streams that are under way: the first client has one of its own, and the others share the second. */
async function crowd(sharing = new Sharing(), count = 3) {
  const first = await sharing.join(initial);
  const others: WatchingClient[] = [];
  for (let index = 0; index < count; index++) others.push(await sharing.join(initial));
  sharing.clock.advance(100);
  const [own, stream] = [sharing.watch(-2), sharing.watch(-1)];
  for (const each of [own, stream]) each.open();
  await turn();
  return { sharing, first, others, own, stream };
}

describe('clients that ask for the initial events', () => {
  it('get them and the changes as the API server sends them, and the stream becomes a shared watch', async () => {
    const sharing = new Sharing();
    const client = await sharing.join({ ...initial, version: '0', timeout: 300_000 });
    const stream = sharing.watch();
    assert.equal(
      stream.path,
      '/shared?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0&allowWatchBookmarks=true',
    );
    assert.equal(fieldValue(stream.request.headers, 'accept-encoding'), 'identity');
    stream.open();
    const text = objects + eventLine(101) + bookmarkLine(7) + endLine(101) + eventLine(102);
    stream.text(text, 11);
    await turn();
    stream.text(eventLine(103));
    assert.equal(client.text, text + eventLine(103));
    assert.deepEqual(sharing.joins, ['initial']);
    assert.deepEqual([sharing.counts.watches, sharing.counts.clients], [1, 1]);
    assert.deepEqual(sharing.moves, ['opened']);

    const later = await sharing.join({ version: '102' });
    assert.deepEqual(later.events, ['MODIFIED 103']);
    assert.deepEqual(sharing.joins, ['initial', 'ring']);
    assert.equal(sharing.server.watches.length, 1);
  });

  it('get objects from the second one on that nobody has to read, up to the bookmark', async () => {
    const sharing = new Sharing();
    const client = await sharing.open(initial);
    const text = `${eventLine(90, '', { type: 'ADDED' })}{"type":"ADDED","object":7}\n${endLine(100)}`;
    sharing.watch().text(text);
    assert.deepEqual([client.text, client.ended], [text, undefined]);
    sharing.watch().text('{"type":"ADDED","object":7}\n');
    assert.ok(client.ended instanceof Error);
  });

  it('share the stream that was not sent when they asked, with their own time limits', async () => {
    const sharing = new Sharing();
    const first = await sharing.join(initial);
    const brief = await sharing.join({ ...initial, timeout: 5_000 });
    const long = await sharing.join({ ...initial, timeout: 60_000 });
    assert.equal(sharing.server.watches.length, 1);
    sharing.clock.advance(100);
    assert.equal(sharing.server.watches.length, 2);
    assert.doesNotMatch(sharing.watch(1).path, /timeout/);
    sharing.watch(1).open();
    await turn();
    sharing.watch(1).text(objects);
    for (const client of [brief, long]) assert.equal(client.text, objects);
    assert.equal(first.status, undefined);
    sharing.clock.advance(5_000);
    assert.equal(brief.ended, 'end');
    assert.equal(long.ended, undefined);
    sharing.watch(1).text(endLine(100));
    assert.equal(long.text, objects + endLine(100));
    assert.deepEqual(sharing.initialStreams, [2]);
  });

  it('all get a piece, however many turns that takes', async () => {
    let ticks = 0;
    const sharing = new Sharing({ turns: new Turns(() => ticks++ * 4) });
    const { others, stream } = await crowd(sharing, 100);
    for (const text of [objects, eventLine(91)]) stream.text(text);
    assert.ok(stream.isPaused, 'the API server waits');
    stream.text(endLine(100) + eventLine(101));
    for (let count = 0; count < 100; count++) await turn();
    for (const { text } of others)
      assert.equal(text, objects + eventLine(91) + endLine(100) + eventLine(101));
    assert.equal(stream.isPaused, false);
  });
});

describe('at the bookmark', () => {
  it('clients move to the shared watch that is open, even if it is behind, get nothing twice, and the stream ends', async () => {
    const sharing = new Sharing();
    const listed = await sharing.open({ version: '95' });
    const client = await sharing.open(initial);
    sharing.watch(1).text(objects + endLine(100));
    assert.ok(sharing.watch(1).isAborted);
    sharing.watch(0).text(eventLine(99) + bookmarkLine(99) + eventLine(100) + bookmarkLine(100));
    sharing.watch(0).text(bookmarkLine(101) + eventLine(102));
    assert.deepEqual(client.events.slice(2), ['BOOKMARK 100', 'BOOKMARK 101', 'MODIFIED 102']);
    assert.deepEqual(listed.events, ['MODIFIED 99', 'MODIFIED 100', 'MODIFIED 102']);
    assert.deepEqual([sharing.moves, sharing.counts.watches], [['ring'], 1]);
  });

  it('a stream becomes a second shared watch if the first began later, and takes over its clients', async () => {
    const sharing = new Sharing();
    const client = await sharing.join(initial);
    sharing.watch(0).open();
    const listed = await sharing.open({ version: '105' });
    sharing.watch(1).text(eventLine(106));
    sharing.watch(0).text(objects + endLine(100));
    await turn();
    assert.equal(sharing.atServer(), 2);
    sharing.watch(0).text(eventLine(103) + eventLine(106) + eventLine(107));
    assert.deepEqual(client.events.slice(3), ['MODIFIED 103', 'MODIFIED 106', 'MODIFIED 107']);
    assert.deepEqual(listed.events, ['MODIFIED 106', 'MODIFIED 107']);
    sharing.clock.advance(5_000);
    assert.equal(sharing.atServer(), 1);
  });

  it('a stream keeps its clients if the columns of the shared Tables are others', async () => {
    const sharing = new Sharing();
    const listed = await sharing.open({ version: '95' });
    sharing.watch(0).text(tableLine(96, ['Name']));
    const client = await sharing.open(initial);
    const end = tableLine(100, null, { 'k8s.io/initial-events-end': 'true' });
    sharing.watch(1).text(tableLine(42, ['Name', 'Age']) + end);
    sharing.watch(0).text(tableLine(101, null));
    sharing.watch(1).text(tableLine(101, null));
    assert.equal(client.text, tableLine(42, ['Name', 'Age']) + end + tableLine(101, null));
    assert.equal(listed.text, tableLine(96, ['Name']) + tableLine(101, null));

    const same = await sharing.open(initial);
    sharing.watch(2).text(tableLine(42, ['Name', 'Age']) + end);
    assert.ok(sharing.watch(2).isAborted);
    assert.equal(same.text, tableLine(42, ['Name', 'Age']) + end + tableLine(101, null));
    sharing.watch(1).text(tableLine(102, null));
    assert.ok(same.text.endsWith(tableLine(102, null)));
  });

  it('a stream goes on as a shared watch if its clients leave, and continues without initial events', async () => {
    const sharing = new Sharing();
    const client = await sharing.join(initial);
    sharing.watch(0).open();
    sharing.watch(0).text(objects + endLine(100));
    client.trip?.abort();
    await turn();
    const next = await sharing.join({ version: '100' });
    assert.equal(sharing.server.watches.length, 1);
    sharing.watch(0).end();
    sharing.clock.advance(0);
    assert.equal(sharing.watch(1).path, '/shared?resourceVersion=100&allowWatchBookmarks=true');
    sharing.watch(1).open();
    sharing.watch(1).text(eventLine(101));
    assert.deepEqual(next.events, ['MODIFIED 101']);
    next.trip?.abort();
    sharing.clock.advance(5_000);
    assert.equal(sharing.atServer(), 0);
    assert.equal(sharing.counts.watches, 0);
  });
});

describe('a stream of initial events that fails', () => {
  it('gives each client the answer to a request of its own', async () => {
    const sharing = new Sharing();
    const clients = [await sharing.join(initial), await sharing.join(initial)];
    sharing.watch(0).open(422);
    await turn();
    sharing.watch(1).open(422);
    await turn();
    sharing.clock.advance(1_000);
    for (const watch of sharing.server.watches) if (!watch.isAborted) watch.open(422);
    await turn();
    assert.deepEqual(
      clients.map(({ status }) => status),
      [422, 422],
    );
    const own = sharing.server.watches.filter(({ path }) => path.startsWith('/own?sendInitialEvents=true'));
    assert.equal(own.length, 2);
    assert.equal(sharing.counts.watches, 0);
  });

  it('cuts its clients after the events that have come, as it would directly, and is not continued', async () => {
    const { sharing, first, others, own, stream } = await crowd();
    stream.text(objects);
    stream.fail();
    for (const { text, ended } of others) assert.deepEqual([text, ended instanceof Error], [objects, true]);
    own.text(objects);
    own.end();
    assert.deepEqual([first.text, first.ended], [objects, 'end']);
    sharing.clock.advance(60_000);
    assert.deepEqual([sharing.atServer(), sharing.counts.watches, sharing.counts.clients], [0, 0, 0]);
    assert.deepEqual(sharing.moves, []);
  });

  it('is cut when its cluster is closed, or continued by nothing if it has had its bookmark', async () => {
    const sharing = new Sharing();
    const done = await sharing.open({ ...initial, key: 'other' });
    const { first, others, stream } = await crowd(sharing);
    const waiting = await sharing.join(initial);
    sharing.shared.close();
    stream.text(objects);
    sharing.watch(0).text(objects + endLine(100) + eventLine(101));
    assert.equal(done.text, objects + endLine(100) + eventLine(101));
    sharing.watch(0).end();
    assert.ok(done.ended instanceof Error);
    sharing.shared.destroy();
    await turn();
    for (const client of [first, ...others, waiting]) assert.ok(client.ended instanceof Error);
    sharing.clock.advance(60_000);
    assert.deepEqual([sharing.atServer(), sharing.counts.watches, sharing.counts.clients], [0, 0, 0]);
  });
});

/** A stream with a client that takes nothing after a piece, and two that take all. */
async function slowCrowd(options?: ConstructorParameters<typeof Sharing>[0]) {
  const sharing = new Sharing(options);
  const { first, others, stream } = await crowd(sharing);
  const [slow, ...quick] = others as [WatchingClient, ...WatchingClient[]];
  slow.onData = () => slow.trip?.pause();
  return { sharing, first, stream, slow, quick };
}

describe('a slow client of initial events', () => {
  it('lets nobody wait, gets what it lacks from memory, and is cut after 10 s in which it has taken too little', async () => {
    const { sharing, stream, slow, quick } = await slowCrowd({ buffer: 30_000_000 });
    const all = objects + eventLine(91) + eventLine(92);
    for (const event of [objects, eventLine(91), eventLine(92)]) stream.text(event);
    assert.equal(stream.isPaused, false);
    for (const { text } of quick) assert.equal(text, all);
    assert.equal(slow.text, objects);
    slow.trip?.resume();
    assert.equal(slow.text, objects + eventLine(91));
    sharing.clock.advance(9_999);
    assert.equal(slow.ended, undefined);
    sharing.clock.advance(1);
    assertLags(slow);
    assert.equal(sharing.counts.lagged, 1);
    assert.equal(sharing.budget.used, 0);
    for (const { text, ended } of quick) assert.deepEqual([text, ended], [all, undefined]);
  });

  it('is cut if it is 8 MB behind, and the others wait for it 100 ms at a time and 3 s in all', async () => {
    const sharing = new Sharing({ buffer: 30_000_000 });
    const { others, stream } = await crowd(sharing, 4);
    const [slow, still, ...quick] = others as [WatchingClient, WatchingClient, ...WatchingClient[]];
    const pause = (client: WatchingClient) => () => client.trip?.pause();
    slow.onData = pause(slow);
    still.onData = pause(still);
    // They take their time to be too slow.
    for (const client of [slow, still]) client.waiting = 100 * 64 * 1024;
    const large = eventLine(91, 'x'.repeat(64_000));
    let sent = 0;
    const fill = () => {
      for (; !stream.isPaused; sent += 1) stream.text(large);
    };
    fill();
    assert.ok(sharing.budget.used > 8 * 1024 * 1024 && sharing.budget.used < 8.2 * 1024 * 1024);
    for (const { text } of quick) assert.equal(text.length, sent * large.length);
    sharing.clock.advance(50);
    slow.trip?.resume();
    assert.ok(stream.isPaused, 'the other one is as far behind');
    sharing.clock.advance(50);
    assertLags(still);
    assert.equal(slow.ended, undefined);
    let waited = 100;
    for (; slow.ended === undefined && waited < 5_000; waited += 50) {
      fill();
      sharing.clock.advance(50);
      slow.trip?.resume();
      slow.trip?.resume();
    }
    assertLags(slow);
    assert.ok(waited >= 2_900 && waited <= 3_100, `${waited} ms`);
    stream.text(large);
    assert.equal(stream.isPaused, false);
  });

  it('is cut if the memory for events is needed for newer ones', async () => {
    const { sharing, stream, slow, quick } = await slowCrowd({ buffer: 300_000 });
    const large = eventLine(91, 'x'.repeat(50_000));
    for (let count = 0; count < 10; count += 1) stream.text(large);
    assert.ok(sharing.budget.used <= 300_000);
    for (const { text } of quick) assert.equal(text, large.repeat(10));
    slow.trip?.resume();
    assertLags(slow);
    assert.equal(sharing.budget.used, 0);
  });

  it('gets the changes after the bookmark when it has had the objects, although the others have left, or is cut after 10 s', async () => {
    for (const isInTime of [true, false]) {
      const { sharing, first, stream, slow, quick } = await slowCrowd();
      for (const text of [objects, eventLine(91), endLine(100)]) stream.text(text);
      for (const client of [first, ...quick]) client.trip?.abort();
      sharing.clock.advance(isInTime ? 9_000 : 10_000);
      if (!isInTime) {
        assertLags(slow);
        continue;
      }
      stream.text(eventLine(101));
      slow.onData = () => {};
      slow.trip?.resume();
      assert.equal(slow.text, objects + eventLine(91) + endLine(100) + eventLine(101));
      slow.trip?.pause();
      stream.text(eventLine(102));
      sharing.clock.advance(60_000);
      assert.equal(slow.ended, undefined, 'it is a client of a shared watch now');
      slow.trip?.abort();
      sharing.clock.advance(5_000);
      assert.deepEqual([sharing.atServer(), sharing.counts.clients], [0, 0]);
    }
  });

  it('goes on if it takes at least 64 KB in 10 s', async () => {
    const { sharing, stream, slow } = await slowCrowd();
    for (let count = 0; count < 10; count++) {
      stream.text(objects);
      sharing.clock.advance(9_000);
      slow.trip?.resume();
    }
    assert.equal(slow.ended, undefined);
    assert.equal(slow.text, objects.repeat(10));
    // Half of that is too little, although it takes each piece within 10 s.
    slow.waiting = 32 * 1024;
    for (let count = 0; count < 3 && slow.ended === undefined; count++) {
      stream.text(objects);
      sharing.clock.advance(9_000);
      slow.trip?.resume();
    }
    assertLags(slow);
    assert.equal(slow.text, objects.repeat(12));
  });

  it('has more time if the system has taken much for it, because that says late that there is room', async () => {
    const sharing = new Sharing({ buffer: 30_000_000 });
    const { others, stream } = await crowd(sharing);
    const slow = others[0] as WatchingClient;
    const large = eventLine(91, 'x'.repeat(60_000));
    for (let count = 0; count < 20; count += 1) {
      if (count === 10) slow.onData = () => slow.trip?.pause();
      stream.text(large);
    }
    sharing.clock.advance(29_999);
    assert.equal(slow.ended, undefined);
    sharing.clock.advance(1);
    assertLags(slow);
  });

  it('sets the pace if it is alone', async () => {
    const { sharing, first, stream, slow, quick } = await slowCrowd();
    stream.text(objects);
    for (const client of [first, ...quick]) client.trip?.abort();
    sharing.clock.advance(600_000);
    assert.deepEqual([slow.ended, stream.isPaused], [undefined, true]);
    slow.onData = () => {};
    slow.trip?.resume();
    assert.equal(stream.isPaused, false);
    stream.text(endLine(100));
    assert.equal(slow.text, objects + endLine(100));
  });

  it('holds nobody up when the bookmark has come, so that no other client misses the changes after it', async () => {
    const { sharing, stream, quick } = await slowCrowd();
    // The last event comes in pieces, and the bookmark with the last one.
    const last = eventLine(91, 'x'.repeat(150_000)) + endLine(100);
    stream.text(last);
    // Together more than a shared watch keeps for those who lag.
    let changes = '';
    for (let version = 101; version <= 2_200; version++) {
      changes += eventLine(version);
      stream.text(eventLine(version));
    }
    sharing.clock.advance(60_000);
    for (const { ended, text } of quick) assert.deepEqual([ended, text], [undefined, last + changes]);
  });

  it('gets a large event in pieces', async () => {
    const { stream, slow, quick } = await slowCrowd();
    const large = eventLine(91, 'x'.repeat(150_000));
    stream.text(large);
    assert.deepEqual(
      [slow, ...quick].map(({ text }) => text.length),
      [65_536, large.length, large.length],
    );
    slow.trip?.resume();
    slow.trip?.resume();
    assert.equal(slow.text, large);
  });
});
