import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldValue } from '../../../src/http/header-fields.js';
import { Sharing, turn } from './sharing.js';
import { bookmarkLine, eventLine } from './watched-server.js';
import type { Asked, WatchingClient } from './watching-client.js';

const added = { type: 'ADDED' };
const objects = eventLine(90, '', added) + eventLine(42, '', added);

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

const initial: Asked = { initial: true, bookmarks: true };

/** What is open at the API server. */
const open = ({ server }: Sharing) =>
  server.watches.filter(({ isAborted, isOver }) => !isAborted && !isOver).map(({ path }) => path);

const shared = (version: number) => `/shared?resourceVersion=${version}&allowWatchBookmarks=true`;

/** A client of a stream of its own, to which the API server has sent the objects. */
async function begin(sharing = new Sharing(), asked: Asked = {}) {
  const client = await sharing.open({ ...initial, ...asked });
  const stream = sharing.watch(-1);
  stream.text(objects);
  return { sharing, client, stream };
}

/** The same, with an open shared watch from a version on, which another client has opened. */
async function beginBeside(version: number, options?: ConstructorParameters<typeof Sharing>[0]) {
  const sharing = new Sharing(options);
  const listed = await sharing.open({ version: String(version) });
  return { ...(await begin(sharing)), listed, watch: sharing.watch(0) };
}

describe('a client that asks for the initial events', () => {
  it('gets them by a request of its own, which is not compressed, and changes from a shared watch', async () => {
    const sharing = new Sharing();
    const { client, stream } = await begin(sharing, { version: '0', timeout: 300_000 });
    assert.equal(
      stream.path,
      '/own?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=300',
    );
    assert.equal(fieldValue(stream.request.headers, 'accept-encoding'), undefined);
    assert.equal(fieldValue(stream.request.headers, 'x-client'), client.id);
    const rest = eventLine(101) + bookmarkLine(7) + endLine(101);
    stream.text(rest, 11);
    assert.equal(client.text, objects + rest);
    assert.deepEqual(open(sharing), [stream.path, shared(101)]);
    sharing.watch(1).open();
    await turn();
    assert.deepEqual(open(sharing), [shared(101)]);
    sharing.watch(1).text(eventLine(102) + bookmarkLine(103));
    assert.equal(client.text, objects + rest + eventLine(102) + bookmarkLine(103));
    assert.deepEqual([sharing.joins, sharing.counts.moved], [['initial'], 1]);
    assert.deepEqual([sharing.counts.watches, sharing.counts.clients], [1, 1]);

    const later = await sharing.join({ version: '102' });
    assert.deepEqual(later.events, []);
    assert.deepEqual(sharing.joins, ['initial', 'ring']);
    client.trip?.abort();
    later.trip?.abort();
    sharing.clock.advance(5_000);
    assert.deepEqual([open(sharing), sharing.counts.watches], [[], 0]);
  });

  it('keeps its own stream if something in its request may change the answer, or what is said differs', async () => {
    for (const headers of [
      ['Content-Type', 'application/json', 'Content-Length', '9000'],
      ['Content-Type', 'application/json', 'Content-Encoding', 'gzip'],
      ['Content-Type', 'application/cbor-seq'],
    ]) {
      const sharing = new Sharing();
      const client = await sharing.join(initial);
      sharing.watch().open(200, headers);
      sharing.watch().text(objects + endLine(100) + eventLine(101));
      await turn();
      assert.equal(client.text, objects + endLine(100) + eventLine(101));
      assert.equal(sharing.server.watches.length, 1);
    }
  });

  it('gets bytes that cannot be read as they are, and stays', async () => {
    for (const broken of ['no event\n', '{"type":"ERROR","object":{}}\n', bookmarkLine('a')]) {
      const { sharing, client, stream } = await begin();
      const text = endLine(100) + eventLine(101);
      stream.text(text);
      await turn();
      stream.text(broken + bookmarkLine(102));
      sharing.watch(1).open();
      await turn();
      stream.text(eventLine(103));
      assert.equal(client.text, objects + text + broken + bookmarkLine(102) + eventLine(103));
      assert.equal(sharing.counts.moved, 0);
      assert.equal(sharing.counts.clients, 0);
    }
  });

  it('is not read while it has objects, and gets each part of an object when it comes', async () => {
    const { client, stream } = await begin();
    const text = `{"type":"ADDED","object":7}\n${eventLine(9, 'x'.repeat(100_000), added)}`;
    for (let at = 0; at < text.length; at += 10_000) {
      stream.text(text.slice(at, at + 10_000));
      assert.equal(client.text, objects + text.slice(0, at + 10_000));
    }
  });

  it('waits for nobody, and nobody for it, whether it reads or not', async () => {
    const sharing = new Sharing();
    const clients: WatchingClient[] = [];
    for (let count = 0; count < 5; count += 1) clients.push(await sharing.open(initial));
    assert.equal(sharing.server.watches.length, 5);
    clients[0]?.trip?.pause();
    assert.deepEqual(
      sharing.server.watches.map(({ isPaused }) => isPaused),
      [true, false, false, false, false],
    );
    sharing.watch(4).text(objects + endLine(100));
    sharing.watch(5).open();
    await turn();
    sharing.clock.advance(600_000);
    assert.equal(clients[0]?.ended, undefined);
    clients[0]?.trip?.resume();
    sharing.watch(0).text(objects + endLine(100));
    await turn();
    sharing.watch(5).text(eventLine(101));
    for (const client of [clients[0], clients[4]])
      assert.equal(client?.text, objects + endLine(100) + eventLine(101));
    assert.equal(sharing.counts.moved, 2);
  });

  it('gets the answer of the API server if that is an error, and its end before the bookmark', async () => {
    const sharing = new Sharing();
    const refused = await sharing.join(initial);
    sharing.watch().open(422);
    const ended = await begin(sharing);
    ended.stream.end();
    const cut = await begin(sharing);
    cut.stream.fail();
    assert.equal(refused.status, 422);
    assert.deepEqual([ended.client.text, ended.client.ended], [objects, 'end']);
    assert.ok(cut.client.ended instanceof Error);
    assert.deepEqual([sharing.server.watches.length, sharing.counts.clients], [3, 0]);
  });
});

describe('at the bookmark', () => {
  it('a client moves at once to the shared watch that is open, even if that is behind, and gets nothing twice', async () => {
    const { sharing, client, stream, listed, watch } = await beginBeside(95);
    stream.text(endLine(100));
    assert.ok(stream.isAborted);
    watch.text(eventLine(99) + bookmarkLine(99) + eventLine(100) + bookmarkLine(100));
    watch.text(bookmarkLine(101) + eventLine(102));
    assert.deepEqual(client.events.slice(3), ['BOOKMARK 101', 'MODIFIED 102']);
    assert.deepEqual(listed.events, ['MODIFIED 99', 'MODIFIED 100', 'MODIFIED 102']);
    assert.deepEqual([sharing.counts.moved, sharing.counts.watches], [1, 1]);
  });

  it('a client gets from the shared watch what is behind the bookmark in the same piece', async () => {
    const { client, stream, watch } = await beginBeside(95);
    watch.text(eventLine(101));
    stream.text(endLine(100) + eventLine(101) + eventLine(102).slice(0, 9));
    assert.equal(client.text, objects + endLine(100) + eventLine(101));
    watch.text(eventLine(102));
    assert.equal(client.text, objects + endLine(100) + eventLine(101) + eventLine(102));
  });

  it('a client whose version the shared watch does not have any more causes another one beside it', async () => {
    const { sharing, client, stream, listed, watch } = await beginBeside(105);
    watch.text(eventLine(106));
    stream.text(endLine(100));
    assert.deepEqual(open(sharing), [shared(105), stream.path, shared(100)]);
    sharing.watch(2).open();
    await turn();
    assert.ok(stream.isAborted);
    sharing.watch(2).text(eventLine(103) + eventLine(106) + eventLine(107));
    assert.deepEqual(client.events.slice(3), ['MODIFIED 103', 'MODIFIED 106', 'MODIFIED 107']);
    assert.deepEqual(listed.events, ['MODIFIED 106']);
    sharing.clock.advance(5_000);
    assert.deepEqual(open(sharing), [shared(105), shared(100)]);
  });

  it('a client goes on with its own stream as long as there are too many watches of its kind, and leaves at a bookmark that one of them has', async () => {
    const sharing = new Sharing();
    for (let version = 210; version > 200; version -= 1) await sharing.open({ version: String(version) });
    const { client, stream } = await begin(sharing);
    stream.text(endLine(100) + eventLine(199) + bookmarkLine(199) + eventLine(201));
    assert.deepEqual([sharing.counts.moved, open(sharing).length], [0, 11]);
    stream.text(bookmarkLine(201));
    assert.ok(stream.isAborted);
    sharing.watch(9).text(eventLine(202));
    const events = ['MODIFIED 199', 'BOOKMARK 199', 'MODIFIED 201', 'BOOKMARK 201', 'MODIFIED 202'];
    assert.deepEqual(client.events.slice(3), events);
  });

  it('a client goes on with its own stream until the shared watch is open, and leaves at the next bookmark', async () => {
    const events = [eventLine(101), eventLine(101), eventLine(102), bookmarkLine(102), eventLine(103)];
    const all = events.join('');
    // The part of the events that has come when the shared watch opens.
    for (let at = 0; at < all.length; at += 7) {
      const { sharing, client, stream } = await begin();
      stream.text(endLine(100));
      stream.text(all.slice(0, at));
      assert.equal(client.text, objects + endLine(100) + all.slice(0, at));
      sharing.watch(1).open();
      await turn();
      sharing.watch(1).text(all);
      if (!stream.isAborted) stream.text(all.slice(at));
      if (!stream.isAborted) stream.text(bookmarkLine(103));
      sharing.watch(1).text(bookmarkLine(103) + eventLine(104));
      assert.ok(stream.isAborted);
      assert.equal(client.text, objects + endLine(100) + all + bookmarkLine(103) + eventLine(104));
    }
  });

  it('a client in the middle of an event does not leave, and leaves the next time', async () => {
    const { sharing, client, stream } = await begin();
    stream.text(endLine(100) + eventLine(101).slice(0, 20));
    sharing.watch(1).open();
    await turn();
    sharing.clock.advance(60_000);
    assert.deepEqual([sharing.counts.moved, stream.isAborted], [0, false]);
    stream.text(eventLine(101).slice(20) + bookmarkLine(101));
    await turn();
    assert.deepEqual([sharing.server.watches.length, stream.isAborted], [2, true]);
    sharing.watch(1).text(eventLine(101) + eventLine(102));
    assert.equal(client.text, objects + endLine(100) + eventLine(101) + bookmarkLine(101) + eventLine(102));
  });

  it('a client stays with its own stream if the shared watch is refused, or has another form', async () => {
    for (const answer of [
      ({ watch }: Sharing) => watch(1).open(403),
      ({ watch }: Sharing) => watch(1).open(500),
      ({ watch }: Sharing) => watch(1).fail(),
      ({ watch }: Sharing) => watch(1).open(200, ['Content-Type', 'application/json;charset=utf-8']),
      ({ watch }: Sharing) => watch(1).open(200, ['Content-Type', 'application/cbor-seq']),
    ]) {
      const { sharing, client, stream } = await begin();
      stream.text(endLine(100));
      answer(sharing);
      await turn();
      stream.text(eventLine(101) + bookmarkLine(101) + eventLine(102));
      await turn();
      assert.equal(client.text, objects + endLine(100) + eventLine(101) + bookmarkLine(101) + eventLine(102));
      assert.deepEqual([sharing.counts.moved, sharing.counts.clients, client.ended], [0, 0, undefined]);
      client.trip?.abort();
      sharing.clock.advance(5_000);
      assert.deepEqual([open(sharing), sharing.counts.watches], [[], 0]);
    }
  });

  it('a client that leaves, or whose stream ends, while the shared watch is opened leaves nothing behind', async () => {
    for (const how of ['leaves', 'end', 'fail'] as const) {
      const { sharing, client, stream } = await begin();
      stream.text(endLine(100));
      if (how === 'leaves') client.trip?.abort();
      else stream[how]();
      if (how === 'end') assert.equal(client.ended, 'end');
      if (how === 'fail') assert.ok(client.ended instanceof Error);
      sharing.clock.advance(5_000);
      assert.deepEqual([open(sharing), sharing.counts.watches, sharing.counts.clients], [[], 0, 0]);
      const { text } = client;
      await turn();
      assert.equal(client.text, text);
    }
  });

  it('a client gets all bytes of its own stream when it moves, and is paused then if it does not take them', async () => {
    const { client, stream, watch } = await beginBeside(100);
    let isHeldBack = false;
    client.onData = () => {
      isHeldBack = true;
    };
    client.idle = () => {
      if (isHeldBack) client.trip?.pause();
      isHeldBack = false;
    };
    stream.text(endLine(100));
    assert.ok(stream.isAborted);
    assert.equal(isHeldBack, false);
    watch.text(eventLine(101));
    assert.equal(client.text, objects + endLine(100));
    client.trip?.resume();
    assert.equal(client.text, objects + endLine(100) + eventLine(101));
  });

  it('a client that does not read stays paused, and gets what it lacks when it reads', async () => {
    const { sharing, client, stream, watch } = await beginBeside(100);
    client.trip?.pause();
    stream.text(endLine(100));
    watch.text(eventLine(101));
    assert.equal(client.text, objects + endLine(100));
    client.trip?.resume();
    assert.equal(client.text, objects + endLine(100) + eventLine(101));
    assert.deepEqual([watch.isPaused, sharing.counts.lagged], [false, 0]);
  });

  it('a client is ended when its own time is over, counted from its first byte, or when its credential expires', async () => {
    for (const asked of [{ timeout: 60_000 }, { expires: 1_060_000 }]) {
      const { sharing, client, stream } = await begin(new Sharing(), asked);
      sharing.clock.advance(40_000);
      stream.text(endLine(100));
      await turn();
      sharing.watch(1).open();
      await turn();
      sharing.clock.advance(19_999);
      assert.equal(client.ended, undefined);
      sharing.clock.advance(1);
      assert.equal(client.ended, 'end');
    }
  });

  it('a client whose credential is no longer valid, or about which nobody says it, stays with its own stream', async () => {
    for (const isStillValid of [
      () => false,
      async () => false,
      () => {
        throw new Error('nobody answers');
      },
      () => Promise.reject(new Error('nobody answers')),
    ]) {
      const { sharing, client, stream } = await begin(new Sharing(), { isStillValid });
      stream.text(endLine(100));
      await turn();
      stream.text(eventLine(101) + bookmarkLine(101));
      await turn();
      assert.deepEqual([open(sharing), client.ended], [[stream.path], undefined]);
      assert.equal(client.text, objects + endLine(100) + eventLine(101) + bookmarkLine(101));
    }
  });

  it('nobody is asked about its right for 10 s from its request on, and each is afterwards', async () => {
    for (const [age, reviews] of [
      [9_999, 0],
      [10_000, 1],
    ] as const) {
      const { sharing, stream } = await begin();
      sharing.clock.advance(age);
      stream.text(endLine(100));
      await turn();
      sharing.watch(1).open();
      await turn();
      assert.deepEqual([sharing.counts.moved, sharing.server.reviews], [1, reviews]);
    }
  });

  it('a closed cluster shares nothing new, and a shared watch is not continued', async () => {
    const { sharing, client, stream, watch } = await beginBeside(100);
    const other = await begin(sharing);
    stream.text(endLine(100));
    sharing.shared.close();
    other.stream.text(endLine(100) + eventLine(101));
    assert.equal(other.client.text, objects + endLine(100) + eventLine(101));
    watch.end();
    sharing.clock.advance(0);
    await turn();
    assert.ok(client.ended instanceof Error);
    sharing.shared.destroy();
    assert.deepEqual([open(sharing), other.client.ended], [[other.stream.path], undefined]);
  });
});

describe('a client of Tables', () => {
  const end = tableLine(100, null, { 'k8s.io/initial-events-end': 'true' });
  const first = (...columns: string[]) => tableLine(42, columns);

  it('moves to a shared watch that has had the same columns, or none, and not to one with others', async () => {
    const { sharing, client, stream, listed, watch } = await beginTables('Name', 'Age');
    watch.text(tableLine(96, ['Name']));
    stream.text(end);
    assert.deepEqual(open(sharing), [shared(95), stream.path, shared(100)]);
    sharing.watch(2).open();
    await turn();
    assert.ok(stream.isAborted);
    watch.text(tableLine(101, null));
    sharing.watch(2).text(tableLine(101, ['Name', 'Age']));
    assert.equal(client.text, first('Name', 'Age') + end + tableLine(101, null));
    assert.equal(listed.text, tableLine(96, ['Name']) + tableLine(101, null));

    const same = await sharing.open(initial);
    sharing.watch(3).text(first('Name', 'Age') + end);
    assert.ok(sharing.watch(3).isAborted);
    assert.equal(same.text, first('Name', 'Age') + end + tableLine(101, null));
  });

  it('comes back if the shared watch has other columns than its own stream had', async () => {
    const { sharing, client, stream, watch } = await beginTables('Name', 'Age');
    stream.text(end);
    assert.ok(stream.isAborted);
    watch.text(tableLine(101, ['Name']));
    assert.ok(client.ended instanceof Error);
    assert.equal(client.text, first('Name', 'Age') + end);
    // That is no reason not to share later.
    const later = await sharing.open({ version: '101' });
    assert.deepEqual([sharing.joins.at(-1), later.ended], ['opened', undefined]);
  });

  /** A client that has had the first Table, beside a shared watch that has had none. */
  async function beginTables(...columns: string[]) {
    const sharing = new Sharing();
    const listed = await sharing.open({ version: '95' });
    const client = await sharing.open(initial);
    sharing.watch(1).text(first(...columns));
    return { sharing, client, stream: sharing.watch(1), listed, watch: sharing.watch(0) };
  }
});
