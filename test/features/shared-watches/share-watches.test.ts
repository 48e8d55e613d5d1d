import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { backoff } from '../../../src/features/shared-watches/resumption.js';
import { Turns } from '../../../src/features/shared-watches/turns.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import { pauseAfter } from '../../../src/lib/backoff.js';
import { lastingBytes } from '../../../src/transport/borrowed-bytes.js';
import { UpstreamError } from '../../../src/transport/upstream-error.js';
import { endpoint } from '../../support/transport/upstream-requests.js';
import { Sharing, turn } from './sharing.js';
import { bookmarkLine, eventLine } from './watched-server.js';
import { WatchingClient } from './watching-client.js';

const expired = `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`;

/** A token that says whose it is. */
function tokenOf(sub: string, jti = '1') {
  const claims = Buffer.from(JSON.stringify({ iss: 'i', sub, jti })).toString('base64url');
  return { authorization: `Bearer e30.${claims}.c2ln` };
}

const create = (options?: ConstructorParameters<typeof Sharing>[0]) => new Sharing(options);

/** Where clients of these versions ask when they share, and when they do not. */
const asked = (version: string) => `/shared?resourceVersion=${version}&allowWatchBookmarks=true`;
const own = (version: string) => `/own?resourceVersion=${version}`;

const lines = (...versions: number[]) => versions.map(version => eventLine(version)).join('');

const ends = (...clients: WatchingClient[]) => clients.map(({ ended }) => ended);

describe('the watches of several clients', () => {
  it('are one watch at the API server, and each client gets every event once', async () => {
    const { server, joins, counts, watch, join, open } = create();
    const first = await open();
    const others = [await join(), await join()];
    for (let count = 0; count < 3; count++) server.write();
    watch().send();
    for (const client of [first, ...others]) {
      assert.equal(client.status, 200);
      assert.equal(client.text, eventLine(101) + eventLine(102) + eventLine(103));
    }
    assert.equal(server.watches.length, 1);
    assert.deepEqual(joins, ['opened', 'ring', 'ring']);
    assert.deepEqual(
      { ...counts },
      { watches: 1, clients: 3, received: 3, delivered: 9, resumed: [], lagged: 0, moved: 0 },
    );
  });

  it('begin only when `send` has returned, so that the client can pause them', async () => {
    const { send, open, change } = create();
    await open();
    change();
    const client = new WatchingClient();
    send(client);
    assert.equal(client.status, undefined);
    await turn();
    assert.equal(client.text, eventLine(101));
  });

  it('pass events on immediately that come in one read with the end of a response', async () => {
    const { server, watch, join } = create();
    const client = await join();
    client.idle = () => client.trip?.pause();
    const body = watch().sink.head(200, 'OK', ['Content-Type', 'application/json']);
    await turn();
    body.data(lastingBytes(Buffer.from(server.write().line)));
    watch().sink.end();
    assert.equal(client.text, eventLine(101));
  });

  it('wait together for the API server’s answer, and get its error', async () => {
    const { server, watch, join } = create();
    const clients = [await join(), await join()];
    const error = new UpstreamError(502, 'reset', 'refused');
    watch().fail(error);
    await turn();
    assert.deepEqual([ends(...clients), server.watches.length], [[error, error], 1]);
  });

  it('may begin in the past, as far as its events are kept, or in the future, after a list from a more recent server', async () => {
    const { server, watch, join, open } = create();
    await open();
    const ahead = await join({ version: '104' });
    for (let count = 0; count < 3; count++) server.write();
    watch().send();
    assert.deepEqual((await join({ version: '101' })).events, ['MODIFIED 102', 'MODIFIED 103']);
    assert.deepEqual((await join({ version: '103' })).events, []);
    for (let count = 0; count < 2; count++) server.write();
    watch().send();
    assert.deepEqual(ahead.events, ['MODIFIED 105']);
    assert.equal(server.watches.length, 1);
  });

  it('use a second watch for older events, which ends with its clients, and later ones join the larger of the two', async () => {
    const { server, counts, watch, join, open } = create();
    for (let count = 0; count < 3; count++) server.write();
    const late = await open({ version: '103' });
    await join({ version: '103' });
    const early = await open({ version: '101' });
    server.write();
    watch(0).send();
    watch(1).send();
    assert.deepEqual(late.events, ['MODIFIED 104']);
    assert.deepEqual(early.events, ['MODIFIED 102', 'MODIFIED 103', 'MODIFIED 104']);
    early.trip?.abort();
    await join({ version: '103' });
    assert.equal(counts.watches, 1);
    assert.deepEqual([watch(0).isAborted, watch(1).isAborted], [false, true]);
  });

  it('end separately, each at its own time and at the latest with its credential', async () => {
    const { clock, open, join } = create();
    const endless = await open();
    const timed = await join({ timeout: 10_000 });
    const expiring = await join({ timeout: 3_600_000, expires: clock.now() + 20_000 });
    clock.advance(10_000);
    assert.deepEqual(ends(endless, timed, expiring), [undefined, 'end', undefined]);
    clock.advance(10_000);
    assert.deepEqual(ends(endless, expiring), [undefined, 'end']);
    clock.advance(30 * 60_000 - 20_001);
    assert.equal(endless.ended, undefined);
    clock.advance(30 * 60_000 + 2);
    assert.equal(endless.ended, 'end');
  });

  it('end at the API server with their last client, and before its answer too', async () => {
    const { counts, watch, join, open } = create();
    const clients = [await open(), await join()];
    clients[0]?.trip?.abort();
    assert.equal(watch().isAborted, false);
    clients[1]?.trip?.abort();
    for (const client of [await join(), await join()]) client.trip?.abort();
    assert.deepEqual([watch(0).isAborted, watch(1).isAborted], [true, true]);
    assert.deepEqual([counts.watches, counts.clients], [0, 0]);
  });
});

describe('what is recorded of a client that shares', () => {
  const acting = ['Impersonate-User', 'jane', 'Impersonate-Group', 'dev'];
  const assertSentAs = ({ sent }: WatchingClient, ...names: readonly string[]) =>
    assert.deepEqual(
      sent.map(({ user }) => user?.username),
      names,
    );

  it('is what its watch was sent with, for the first client and for later ones', async () => {
    const sharing = create();
    const { joins, watch, join, open } = sharing;
    const own = sharing.accessWith({ credential: tokenOf('proxy'), impersonation: acting });
    sharing.access = () => own;
    const clients = [await open(), await join()];
    clients.push(await join({ impersonation: acting }));
    assert.deepEqual(joins, ['opened', 'ring']);
    watch(1).open();
    await turn();
    for (const { sent } of clients) {
      assert.deepEqual(
        sent.map(({ host, user }) => [host, user?.username, user?.groups]),
        [['api:6443', 'jane', ['dev', 'system:authenticated']]],
      );
      assert.doesNotMatch(inspect(sent, { showHidden: true, depth: null }), /Bearer|e30/);
    }
  });

  it('is what its own request was sent with if it gets a watch of its own, and nothing before', async () => {
    const { watch, join } = create();
    const [client, leaving] = [await join({ impersonation: acting }), await join({ impersonation: acting })];
    leaving.trip?.abort();
    assert.equal(client.sent.length, 0);
    watch().open(403);
    await turn();
    assertSentAs(client, 'jane');
    assert.deepEqual([leaving.sent, leaving.status], [[], undefined]);
  });

  it('is the user of the watch now, if its credential was renewed', async () => {
    const sharing = create();
    for (const id of ['1', '2']) {
      const access = sharing.accessWith({ credential: tokenOf('alice', id), impersonation: acting });
      sharing.access = () => access;
      if (id === '1') await sharing.open();
    }
    await sharing.reopen();
    assertSentAs(await sharing.join(), 'jane');
  });
});

describe('the watches of different users', () => {
  const as = (user: string) => ({ impersonation: ['Impersonate-User', user] });

  it('are separate, whoever they impersonate, and so are those of different targets', async () => {
    const { server, join } = create();
    const different = [{}, as('alice'), as('bob'), { impersonation: [] }, { key: 'services' }];
    for (const asked of [...different, as('alice')]) await join(asked);
    assert.equal(server.watches.length, different.length);
  });

  it('are never sent without a caller where callers are authenticated', async () => {
    const { server, joins, join } = create();
    const client = await join({ impersonation: undefined });
    assert.deepEqual(
      [client.ended instanceof StatusError && client.ended.code, server.watches, joins],
      [500, [], []],
    );
  });
});

describe('a shared watch that was opened with a token that only the API server can read', () => {
  const opaque = (token: string) => ({ credential: { authorization: `Bearer ${token}` } });
  const basic = (user: string) => ({ credential: { authorization: `Basic ${user}` } });

  it('lets nobody join once another token has taken its place, and ends at its next loss', async () => {
    const sharing = create();
    const { server, clock, joins, watch, join, open, change } = sharing;
    const [one, two] = [sharing.accessWith(opaque('one')), sharing.accessWith(opaque('two'))];
    sharing.access = () => one;
    const clients = [await open(), await join()];
    sharing.access = () => two;
    const later = await open();
    assert.deepEqual(joins, ['opened', 'ring', 'opened']);
    assert.deepEqual(
      server.watches.map(({ authorization }) => authorization),
      ['Bearer one', 'Bearer two'],
    );
    server.write();
    for (const index of [0, 1]) watch(index).send();
    for (const { events } of [...clients, later]) assert.deepEqual(events, ['MODIFIED 101']);
    watch(0).fail();
    clock.advance(0);
    await turn();
    assert.deepEqual(ends(...clients, later), ['end', 'end', undefined]);
    assert.equal(server.watches.length, 2, 'nothing is sent for them');
    const back = await join({ version: '101' });
    change();
    assert.deepEqual([joins.at(-1), back.events], ['ring', ['MODIFIED 102']]);
  });

  it('becomes a watch of each client if the token is another one when it is sent', async () => {
    for (const [before, after] of [
      [opaque('one'), opaque('two')],
      [basic('alice'), basic('bob')],
    ] as const) {
      const sharing = create();
      const { server, joins, counts, join } = sharing;
      const [one, two] = [sharing.accessWith(before), sharing.accessWith(after)];
      const accesses = [one, two, two];
      sharing.access = () => accesses.shift() ?? assert.fail('another access is needed');
      const client = await join();
      await turn();
      assert.deepEqual([joins, client.ended, counts.watches], [['own'], undefined, 0]);
      const sent = server.watches.map(({ path, authorization }) => [path, authorization]);
      assert.deepEqual(sent, [[own('100'), after.credential.authorization]]);
    }
  });

  it('lets no client join whose right would be asked about with another token', async () => {
    const sharing = create();
    const { server, clock, joins, join, open } = sharing;
    const [one, two] = [sharing.accessWith(opaque('one')), sharing.accessWith(opaque('two'))];
    sharing.access = () => one;
    await open();
    clock.advance(10_001);
    const accesses = [one, two];
    sharing.access = () => accesses.shift() ?? two;
    await join();
    assert.deepEqual([joins, server.reviews], [['opened', 'refused'], 0]);
  });
});

describe('a watch that cannot be shared', () => {
  it("becomes each client's own watch if the API server answers anything but 200, or with a length", async () => {
    for (const [status, headers, next] of [
      [403, undefined, asked('100')],
      [200, ['Content-Type', 'application/json', 'Content-Length', '7'], own('100')],
    ] as const) {
      const { server, joins, watch, join } = create();
      const clients = [await join(), await join()];
      watch().open(status, headers?.slice());
      await turn();
      const paths = server.watches.map(({ path }) => path);
      assert.deepEqual(paths, [asked('100'), own('100'), own('100')]);
      watch(1).open(403);
      watch(2).open(200);
      assert.deepEqual(
        [clients.map(({ status }) => status), joins],
        [
          [403, 200],
          ['own', 'own'],
        ],
      );
      await join();
      assert.equal(watch(3).path, next, 'only a refusal may be over at the next request');
    }
  });

  it('becomes each client’s own watch for ten minutes if its format is unknown', async () => {
    const { server, clock, joins, watch, join } = create();
    await join();
    watch().open(200, ['Content-Type', 'application/cbor-seq']);
    await turn();
    await join();
    clock.advance(10 * 60_000 - 1);
    await join();
    assert.deepEqual(joins, ['own', 'own', 'own']);
    for (const { path } of server.watches.slice(1)) assert.equal(path, own('100'));
    clock.advance(2);
    await join();
    assert.equal(watch(-1).path, asked('100'));
  });

  for (const [what, text] of [
    ['has no type and no object', '{}\n'],
    ['has a version that is not a number', eventLine('abc')],
    ['is older than one before it', eventLine(105) + eventLine(104)],
    ['has the version of the event before a bookmark', eventLine(105) + bookmarkLine(105) + eventLine(105)],
    ['has the version of the bookmark before it', bookmarkLine(105) + eventLine(105)],
  ] as const) {
    it(`cuts its clients if an event ${what}, and later clients get their own watch`, async () => {
      const { watch, open, join } = create();
      const client = await open();
      watch().text(text);
      assert.ok(client.ended instanceof Error);
      assert.equal(watch().isAborted, true);
      await join();
      assert.equal(watch(-1).path, own('100'));
    });
  }

  it('cuts its clients if the first event is not newer than their version, and other clients share', async () => {
    const { watch, open, join } = create();
    for (const [index, version] of ['500', '105'].entries()) {
      const ahead = await open({ version });
      watch(index).text(eventLine(105));
      assert.ok(ahead.ended instanceof Error);
      assert.equal(watch(index).isAborted, true);
    }
    await join();
    assert.equal(watch(-1).path, asked('100'));
    // A server that begins with older events sends them again to the same client.
    await join({ version: '500' });
    assert.equal(watch(-1).path, own('500'));
  });

  it('cuts its clients if a Table has other columns after a loss, and later clients share', async () => {
    const { watch, open, join, reopen } = create();
    const table = (version: string, columns: readonly string[]) => {
      const metadata = { resourceVersion: version };
      const object = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions: columns };
      return `${JSON.stringify({ type: 'ADDED', object })}\n`;
    };
    const client = await open();
    watch().text(table('101', ['Name']));
    await reopen();
    watch(1).text(table('102', ['Name', 'Status']));
    assert.ok(client.ended instanceof Error);
    await join({ version: '102' });
    assert.equal(watch(-1).path, asked('102'));
  });
});

describe('a user’s right to watch', () => {
  it('does not let a client join a watch that is lost or ends while it is checked', async () => {
    for (const happens of ['loss', 'end'] as const) {
      const { clock, joins, watch, open, join, reopen } = create();
      let allow: (isAllowed: boolean) => void = () => {};
      const isAllowed = () => new Promise<boolean>(resolve => (allow = resolve));
      await open({ isAllowed });
      watch().text(eventLine(101) + eventLine(102));
      clock.advance(10_000);
      const late = await join({ version: '101' });
      if (happens === 'loss') await reopen();
      else watch().text('{}\n');
      allow(true);
      await turn();
      assert.deepEqual([watch(-1).path, late.ended, joins], [own('101'), undefined, ['opened', 'own']]);
    }
  });

  it('is valid for 10 s, and then checked once for all clients that join', async () => {
    const { clock, joins, join, open } = create();
    let asked = 0;
    const isAllowed = async () => {
      asked += 1;
      return true;
    };
    await open({ isAllowed });
    clock.advance(9_999);
    await join({ isAllowed });
    assert.equal(asked, 0);
    clock.advance(1);
    await Promise.all([join({ isAllowed }), join({ isAllowed })]);
    await join({ isAllowed });
    assert.equal(asked, 1);
    assert.deepEqual(joins, ['opened', 'ring', 'ring', 'ring', 'ring']);
  });

  for (const [what, isAllowed] of [
    ['is lost', async () => false],
    ['cannot be checked', async () => Promise.reject(new Error('no answer'))],
  ] as const) {
    it(`leads a client to its own watch if it ${what}, and others continue`, async () => {
      const { server, clock, joins, watch, join, open } = create();
      const first = await open({ isAllowed });
      clock.advance(10_001);
      const second = await join({ isAllowed });
      assert.deepEqual(joins, ['opened', 'refused']);
      watch(1).open(403);
      assert.equal(second.status, 403);
      server.write();
      watch(0).send();
      assert.deepEqual(first.events, ['MODIFIED 101']);
    });
  }
});

describe('a shared watch that the API server ends', () => {
  it('continues from its last version, or that of a bookmark, and its clients notice nothing', async () => {
    for (const [how, loss] of [
      ['end', 'ended'],
      ['fail', 'error'],
    ] as const) {
      const { server, clock, counts, watch, join, open, change } = create();
      const first = await open();
      const second = await join({ version: '101', bookmarks: true });
      server.write();
      change();
      for (const [index, version] of [102, 500].entries()) {
        if (version === 500) {
          server.version = version;
          watch(index).bookmark();
        }
        watch(index)[how]();
        clock.advance(200);
        await turn();
        assert.equal(watch(index + 1).path, asked(String(version)));
        watch(index + 1).open();
        await turn();
      }
      clock.advance(60_000);
      change();
      assert.deepEqual(first.events, ['MODIFIED 101', 'MODIFIED 102', 'MODIFIED 501']);
      assert.deepEqual(second.events, ['MODIFIED 102', 'BOOKMARK 500', 'MODIFIED 501']);
      assert.deepEqual(counts.resumed, [loss, loss]);
    }
  });

  it('is opened again once for all of its clients, and for new ones', async () => {
    const { server, open, join, lose, watch, change } = create();
    const clients = [await open(), await join(), await join()];
    change();
    await lose();
    clients.push(await join({ version: '101' }));
    assert.equal(server.watches.length, 2);
    watch(1).open();
    await turn();
    change();
    assert.deepEqual(
      clients.map(({ events }) => events.at(-1)),
      Array(4).fill('MODIFIED 102'),
    );
    await join({ version: '100' });
    assert.equal(watch(2).version, 100, 'what was before the loss is asked for again');
  });

  it('is opened again and again, with growing pauses, up to the time limit', async () => {
    const { server, clock, watch, open } = create();
    const client = await open();
    watch().fail();
    const failure = new Error('refused');
    for (let step = 0; step < 3_100 && client.ended === undefined; step++) {
      clock.advance(10);
      await turn();
      const last = server.watches.at(-1);
      if (last === undefined || last === watch() || last.isOver || last.isAborted) continue;
      step % 2 === 0 ? last.fail(failure) : last.open(step % 3 === 0 ? 429 : 503);
    }
    assert.ok(client.ended instanceof Error);
    assert.ok(server.watches.length > 6 && server.watches.length < 40, `${server.watches.length} attempts`);
    assert.ok(clock.now() <= 1_000_000 + 30_000);
  });

  it('ends for its clients if the API server then refuses it, and they ask again themselves', async () => {
    for (const status of [401, 403, 404, 410]) {
      const { lose, watch, open } = create();
      const client = await open();
      await lose();
      watch(1).open(status);
      // After a 401, another credential is looked for.
      await turn();
      assert.equal(client.ended, 'end', String(status));
    }
  });

  it('passes an ERROR on to every client, and ends', async () => {
    const { counts, watch, join, open, change, reopen } = create();
    const clients = [await open(), await join({ version: '200' })];
    change();
    await reopen();
    watch(1).text(expired);
    assert.deepEqual(
      clients.map(({ text }) => text),
      [eventLine(101) + expired, expired],
    );
    assert.deepEqual(ends(...clients), ['end', 'end']);
    assert.equal(counts.watches, 0);
  });

  it('ends its clients as the API server does if the cluster, the user or the impersonation has changed', async () => {
    for (const change of [
      { endpoint: { ...endpoint, server: 'other' } },
      { credential: tokenOf('bob') },
      { credential: { authorization: 'Bearer opaque' } },
      { impersonation: ['Impersonate-User', 'bob'] },
    ])
      for (const when of ['at once', 'after a 401'] as const) {
        const sharing = create();
        const { server, lose, watch, open } = sharing;
        const alices = sharing.accessWith({ credential: tokenOf('alice') });
        const other = sharing.accessWith({ credential: tokenOf('alice'), ...change });
        sharing.access = () => alices;
        sharing.refused = async () => other;
        const client = await open();
        if (when === 'at once') sharing.access = () => other;
        await lose();
        if (when === 'after a 401') watch(1).open(401);
        await turn();
        assert.equal(client.ended, 'end', JSON.stringify([change, when]));
        assert.equal(server.watches.length, when === 'at once' ? 1 : 2);
      }
  });

  it('continues with the renewed credential of its user, at once or after a 401', async () => {
    const sharing = create();
    const { lose, counts, watch, open, change } = sharing;
    const access = (id: string) => sharing.accessWith({ credential: tokenOf('alice', id) });
    const [one, two, three] = [access('1'), access('2'), access('3')];
    sharing.access = () => one;
    const client = await open();
    sharing.access = () => two;
    sharing.refused = async refused => (refused === two ? three : undefined);
    await lose();
    assert.equal(watch(1).authorization, two.credential.authorization);
    watch(1).open(401);
    await turn();
    assert.equal(watch(2).authorization, three.credential.authorization);
    assert.deepEqual([watch(1).isAborted, watch(2).path], [true, watch(1).path]);
    watch(2).open();
    await turn();
    change();
    assert.deepEqual([client.events, client.ended], [['MODIFIED 101'], undefined]);
    assert.deepEqual(counts.resumed, ['ended']);
  });

  it('cuts its clients if it continues in another format', async () => {
    const { lose, watch, open } = create();
    const client = await open();
    await lose();
    watch(1).open(200, ['Content-Type', 'application/vnd.kubernetes.protobuf;stream=watch']);
    await turn();
    assert.ok(client.ended instanceof Error);
  });
});

describe('a client that reads slowly', () => {
  it('is cut, and no other client, when its events have been dropped', async () => {
    const { server, counts, watch, join, open } = create({ buffer: 20_000 });
    const quick = await open();
    const slow = await join();
    slow.trip?.pause();
    for (let count = 0; count < 100; count++) {
      server.write(1, 'x'.repeat(500));
      watch().send();
    }
    assert.match(String(slow.ended), /too slowly/);
    assert.equal(quick.events.length, 100);
    assert.deepEqual([counts.lagged, counts.clients], [1, 1]);
  });

  it('is asked after each 64 KB, and after all that is there, whether it can receive more', async () => {
    for (const [size, idles, room, lines] of [
      [1_000, 1, Number.POSITIVE_INFINITY, 10],
      [40_000, 5, Number.POSITIVE_INFINITY, 10],
      [40_000, 1, 100_000, 3],
    ] as const) {
      const { server, watch, open } = create();
      const client = await open();
      client.trip?.pause();
      for (let count = 0; count < 10; count++) server.write(1, 'x'.repeat(size));
      watch().send();
      client.onData = () => {
        if (client.text.length > room) client.trip?.pause();
      };
      client.trip?.resume();
      assert.deepEqual([client.lines.length, client.idles], [lines, idles]);
    }
  });
});

it('the pauses before a watch is opened again grow to 5 s, half of each by chance', () => {
  const pauses = [1, 2, 5, 6, 20].map(failures =>
    [0, 0.5, 1].map(part => pauseAfter(failures, backoff, () => part)),
  );
  assert.deepEqual(pauses, [
    [100, 150, 200],
    [200, 300, 400],
    [1_600, 2_400, 3_200],
    [2_500, 3_750, 5_000],
    [2_500, 3_750, 5_000],
  ]);
});

describe('the end of a cluster', () => {
  it('lets open watches continue until their clients leave', async () => {
    const { shared, watch, open, change } = create();
    const client = await open();
    shared.close();
    change();
    assert.deepEqual([client.events, watch().isAborted], [['MODIFIED 101'], false]);
    client.trip?.abort();
    assert.equal(watch().isAborted, true);
  });

  it('cuts them if the cluster is destroyed, or if the API server has ended them, before or after', async () => {
    for (const steps of [['destroy'], ['end', 'close'], ['close', 'end']] as const) {
      const { server, shared, clock, watch, open } = create();
      const client = await open();
      for (const step of steps) step === 'end' ? watch().end() : shared[step]();
      clock.advance(1_000);
      await turn();
      assert.ok(client.ended instanceof Error);
      assert.deepEqual([watch().isOpen, server.watches.length], [false, 1]);
    }
  });

  it('lets no watch be shared any more', async () => {
    const { server, shared, join, joins } = create();
    shared.close();
    await join();
    assert.match(server.watches[0]?.path ?? '', /^\/own/);
    assert.deepEqual(joins, ['own']);
  });
});

describe('an API server that accepts a watch again and then sends nothing', () => {
  it('delays its clients at most for the time limit', async () => {
    for (const how of ['end', 'fail'] as const) {
      const { clock, counts, lose, watch, open } = create();
      const client = await open();
      await lose(how);
      clock.advance(29_000);
      const before = client.ended;
      clock.advance(1_001);
      assert.deepEqual([before, client.ended instanceof Error], [undefined, true]);
      assert.deepEqual([watch(1).isAborted, counts.watches], [true, 0]);
    }
  });
});

describe('a client that comes', () => {
  it('gets nothing if its credential expires while it waits', async () => {
    const { clock, counts, watch, join } = create();
    const client = await join({ expires: clock.now() + 1_000 });
    const other = await join();
    clock.advance(1_000);
    watch(0).open();
    watch(0).text(lines(101));
    await turn();
    assert.deepEqual([client.text, client.ended, other.text], ['', 'end', lines(101)]);
    assert.equal(counts.clients, 1);
  });
});

describe('a burst of events', () => {
  it('makes the API server wait for clients whose turn has not come, and no client is cut', async () => {
    // The clock jumps so far that each turn uses up its time.
    let now = 0;
    const { counts, watch, open, join } = create({ turns: new Turns(() => (now += 20)) });
    const clients = [await open()];
    for (let count = 0; count < 20; count++) clients.push(await join());
    for (let version = 101; version < 5_101; ) {
      if (watch(0).isPaused) await turn();
      else {
        watch(0).text(lines(...Array.from({ length: 100 }, (_, index) => version + index)));
        version += 100;
      }
    }
    while (watch(0).isPaused) await turn();
    for (let count = 0; count < 30; count++) await turn();
    assert.equal(counts.lagged, 0);
    for (const client of clients) assert.equal(client.lines.length, 5_000);
  });
});

describe('clients that read slowly', () => {
  it('make the API server wait if all of them have stopped reading, as each alone would', async () => {
    const { counts, watch, open, join } = create({ buffer: 4_000 });
    const [one, other] = [await open(), await join()];
    one.trip?.pause();
    watch(0).text(lines(101));
    assert.equal(watch(0).isPaused, false, 'the other client still reads');
    other.trip?.pause();
    watch(0).text(lines(102));
    assert.equal(watch(0).isPaused, true);
    one.trip?.resume();
    assert.equal(watch(0).isPaused, false);
    watch(0).text(lines(...Array.from({ length: 30 }, (_, index) => 103 + index)), 100);
    assert.deepEqual([counts.lagged, one.lines.length], [1, 32]);
    one.trip?.pause();
    watch(0).text(lines(140));
    assert.equal(watch(0).isPaused, true);
    const next = await join({ version: '140' });
    assert.equal(watch(0).isPaused, false, 'a new client reads');
    next.trip?.pause();
    watch(0).text(lines(141));
    assert.equal(watch(0).isPaused, true);
  });

  it('go on after a loss when they have read what was before it, and wait for nobody', async () => {
    const { server, clock, watch, open, join, change } = create();
    const [slow, quick] = [await open(), await join()];
    slow.trip?.pause();
    change();
    watch(0).fail();
    assert.deepEqual([slow.events, quick.events], [[], ['MODIFIED 101']]);
    server.write();
    slow.trip?.resume();
    slow.trip?.pause();
    clock.advance(0);
    await turn();
    watch(1).open();
    await turn();
    watch(1).send();
    assert.deepEqual([slow.events, quick.events], [['MODIFIED 101'], ['MODIFIED 101', 'MODIFIED 102']]);
    slow.trip?.resume();
    assert.deepEqual([slow.events, server.watches.length], [quick.events, 2]);
  });

  it('that stop at the last event before a loss get nothing more until they read', async () => {
    const { clock, watch, open, change } = create();
    const client = await open();
    client.trip?.pause();
    change();
    watch(0).fail();
    client.idle = () => client.trip?.pause();
    client.trip?.resume();
    clock.advance(0);
    await turn();
    watch(1).open();
    await turn();
    change();
    assert.deepEqual(client.events, ['MODIFIED 101']);
    client.trip?.resume();
    assert.deepEqual(client.events, ['MODIFIED 101', 'MODIFIED 102']);
  });
});

describe('the memory for Tables', () => {
  it('is counted, and each event is held once', async () => {
    const { budget, watch, open } = create();
    await open();
    const table = (version: number, columnDefinitions: unknown) => {
      const rows = [{ cells: ['x'.repeat(10_000)] }];
      const metadata = { resourceVersion: String(version) };
      const object = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata, columnDefinitions, rows };
      return `${JSON.stringify({ type: 'ADDED', object })}\n`;
    };
    watch(0).text(table(101, [{ name: 'Name' }]));
    watch(0).text(table(102, null));
    assert.ok(budget.used >= 20_000 && budget.used < 22_000, `${budget.used} bytes`);
  });
});
