import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LocalApi } from '../../../src/features/shared-watches/watch-to-share.js';
import { UpstreamError } from '../../../src/transport/upstream-error.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { Sharing, turn } from './sharing.js';
import type { ServedList } from './watched-server.js';
import type { Asked, WatchingClient } from './watching-client.js';

const local: LocalApi = { confirm: () => true, isLocal: () => true };

/** The watch of a user who shares with others. */
function of(user: string, more: Asked = {}): Asked {
  return { api: local, impersonation: ['Impersonate-User', user], isStillValid: () => true, ...more };
}

const begins = (user: string, more: Asked = {}) => of(user, { initial: true, bookmarks: true, ...more });

/** As whom the API server got watches. */
const senders = ({ server }: Sharing) => server.watches.map(({ user }) => user);

/** The last watch that was sent for all who share. */
const lastShared = ({ server }: Sharing) => server.watches.findLast(({ path }) => path.startsWith('/shared'));

/** Asserts that the last watch is the own one of a user. */
function assertOwn({ watch }: Sharing, user: string): void {
  assert.equal(watch(-1).user, user);
  assert.match(watch(-1).path, /^\/own/);
}

const ends = (...clients: WatchingClient[]) => clients.map(({ ended }) => ended);

/** A right that a test takes away. */
function right(isAllowed: boolean | 'unknown' = true) {
  const state = {
    is: isAllowed,
    isAllowed: async () => {
      if (state.is === 'unknown') throw new UpstreamError(502, 'reset', 'no answer');
      return state.is;
    },
  };
  return state;
}

/** The answers of reviews that wait until the test gives them. */
function slowReview() {
  const state = {
    answer: (_: boolean | Error) => {},
    isAllowed: () =>
      new Promise<boolean>((resolve, reject) => {
        state.answer = says => (says instanceof Error ? reject(says) : resolve(says));
      }),
  };
  return state;
}

/** A client of a user with a stream of its own that the API server has accepted. */
async function openList(sharing: Sharing, asked: Asked) {
  const client = await sharing.open(asked);
  return { client, list: sharing.watch(-1) as ServedList };
}

/** What an API server says about an API when the test wants it. */
function confirmation() {
  const state = {
    answer: (_: boolean) => {},
    asked: 0,
    isLocal: () => true as const,
    confirm: () => {
      state.asked += 1;
      return new Promise<boolean>(resolve => {
        state.answer = resolve;
      });
    },
  };
  return state;
}

describe('users who may watch the same', () => {
  it('share one watch, and each is asked about by a review of their own', async () => {
    const sharing = new Sharing();
    const clients = [await sharing.open(of('ann'))];
    for (const user of ['bob', 'eve']) clients.push(await sharing.join(of(user)));
    sharing.change();
    for (const { events } of clients) assert.deepEqual(events, ['MODIFIED 101']);
    assert.deepEqual([senders(sharing), sharing.server.reviews], [['ann'], 3]);
    assert.deepEqual(sharing.joins, ['opened', 'ring', 'ring']);
    const acted = clients.map(({ sent }) => sent[0]?.user?.username);
    assert.deepEqual(acted, ['ann', 'bob', 'eve'], 'logs and audit events have each one');
  });

  it('have initial events by streams of their own, and share what follows without a review, since those were accepted', async () => {
    const sharing = new Sharing();
    sharing.server.change('web-1');
    const lists = [];
    for (const user of ['zoe', 'ann', 'bob']) lists.push(await openList(sharing, begins(user)));
    for (const { list } of lists) list.finish();
    sharing.watch(-1).open();
    await turn();
    sharing.change();
    for (const { client, list } of lists) assert.deepEqual([client.lines.length, list.isAborted], [3, true]);
    assert.deepEqual([senders(sharing), sharing.server.reviews], [['zoe', 'ann', 'bob', 'zoe'], 0]);
    const acted = lists.map(({ client }) => client.sent.map(({ user }) => user?.username));
    assert.deepEqual(acted, [['zoe'], ['ann'], ['bob']], 'logs and audit events have each one');
  });

  it('share with nobody who shares with their own user alone', async () => {
    const sharing = new Sharing();
    for (const more of [{}, { api: undefined }]) await sharing.open(of('ann', more));
    assert.deepEqual(senders(sharing), ['ann', 'ann']);
  });

  it('send their own request if the review refuses or fails, before a watch is open and after', async () => {
    for (const how of [false, 'unknown'] as const) {
      const sharing = new Sharing();
      const { isAllowed } = right(how);
      await sharing.join(of('eve', { isAllowed }));
      await sharing.open(of('ann'));
      await sharing.join(of('eve', { isAllowed }));
      assert.deepEqual(
        sharing.server.watches.map(({ path, user }) => [user, path.startsWith('/own')]),
        [
          ['eve', true],
          ['ann', false],
          ['eve', true],
        ],
      );
      assert.equal(sharing.joins.filter(join => join === 'refused').length, 2);
    }
  });

  it('are asked about although their own stream was just accepted, if a definite no has come since its request was sent', async () => {
    const sharing = new Sharing();
    const eves = right(false);
    const client = await sharing.join(begins('eve', eves));
    sharing.clock.advance(1);
    // Another client of the user is refused before the API server has answered.
    await sharing.join(of('eve', { right: client.name, isAllowed: eves.isAllowed }));
    assert.equal(sharing.server.reviews, 1);
    const list = sharing.watch(0) as ServedList;
    list.open();
    list.finish();
    await turn();
    assert.equal(sharing.server.reviews, 2);
    assert.deepEqual([list.isOpen, client.ended], [true, undefined]);
    assert.ok(sharing.server.watches.every(({ path }) => path.startsWith('/own')));
  });

  it('go on with the stream of their own if its request was sent 10 s ago and the review refuses, fails or takes long', async () => {
    for (const how of [false, 'unknown', 'slow', true] as const) {
      const sharing = new Sharing();
      const eves = slowReview();
      const { isAllowed } = how === 'slow' ? eves : right(how);
      const { client, list } = await openList(sharing, begins('eve', { isAllowed }));
      await sharing.open(of('ann'));
      await sharing.pass(10_000);
      list.finish();
      await turn();
      sharing.server.write();
      list.send();
      const hasMoved = how === true;
      assert.deepEqual([list.isAborted, client.lines.length], [hasMoved, hasMoved ? 1 : 2]);
      if (how !== 'slow') continue;
      eves.answer(true);
      await turn();
      list.bookmark();
      assert.deepEqual([list.isAborted, client.lines.length], [true, 3]);
    }
  });

  it('wait for nobody’s review but their own, and are forgotten if they leave during it', async () => {
    const sharing = new Sharing();
    const [eves, joes] = [slowReview(), slowReview()];
    const slow = await sharing.join(of('eve', eves));
    const leaving = await sharing.join(of('joe', { key: 'other', isAllowed: joes.isAllowed }));
    leaving.trip?.abort();
    joes.answer(true);
    const ann = await sharing.open(of('ann'));
    sharing.change();
    assert.deepEqual([slow.events, ann.events], [[], ['MODIFIED 101']]);
    eves.answer(true);
    await turn();
    assert.deepEqual(slow.events, ['MODIFIED 101']);
    assert.deepEqual(senders(sharing), ['ann']);
  });

  it('cause at most two of the ten watches of a key each', async () => {
    const sharing = new Sharing();
    for (let version = 1_000; version > 997; version -= 1)
      await sharing.open(of('eve', { version: String(version) }));
    assert.equal(sharing.counts.watches, 2);
    assert.equal(sharing.watch(-1).path, '/own?resourceVersion=998');
    for (const user of ['a', 'b', 'c', 'd', 'e'])
      for (const index of [0, 1])
        await sharing.open(of(user, { version: String(997 - 2 * user.charCodeAt(0) - index) }));
    assert.equal(sharing.counts.watches, 10);
  });
});

it('the head of a shared answer says nothing of the user as whom the watch was sent, and has the Audit-Id of each client', async () => {
  const sharing = new Sharing();
  const ann = await sharing.join(of('ann', { auditId: 'one' }));
  const bob = await sharing.join(of('bob'));
  const type = ['Content-Type', 'application/json'];
  sharing.watch().open(200, [...type, 'Audit-Id', 'of-ann', 'Set-Cookie', 'a']);
  await turn();
  assert.deepEqual([ann.headers, bob.headers], [[...type, 'Audit-Id', 'one'], type]);
});

describe('as whom a shared watch is sent:', () => {
  /** What the API server does to refuse a user. */
  const refusals: Readonly<Record<string, (sharing: Sharing) => Promise<void> | void>> = {
    403: sharing => lastShared(sharing)?.open(403),
    429: sharing => lastShared(sharing)?.open(429),
    'silence of 2 s': sharing => sharing.pass(2_000),
  };

  for (const [what, refuse] of Object.entries(refusals)) {
    it(`another user after ${what}, at most three, and then each client sends its own`, async () => {
      const sharing = new Sharing();
      const users = ['ann', 'ann', 'bob', 'eve', 'joe'];
      for (const user of users) await sharing.join(of(user));
      for (const user of ['ann', 'bob', 'eve']) {
        assert.equal(lastShared(sharing)?.user, user);
        await refuse(sharing);
        await turn();
      }
      const { watches } = sharing.server;
      assert.deepEqual(senders(sharing), ['ann', 'ann', 'ann', 'bob', 'bob', 'eve', 'eve', 'joe']);
      assert.equal(watches.filter(({ path }) => path.startsWith('/own')).length, users.length);
    });

    it(`nobody else after ${what} for clients with streams of their own, which stay there`, async () => {
      const sharing = new Sharing();
      const lists = [];
      for (const user of ['ann', 'ann', 'bob']) lists.push(await openList(sharing, begins(user)));
      for (const { list } of lists) list.finish();
      await refuse(sharing);
      await turn();
      assert.deepEqual(senders(sharing), ['ann', 'ann', 'bob', 'ann']);
      for (const { client, list } of lists) assert.deepEqual([client.ended, list.isOpen], [undefined, true]);
    });

    it(`a lost watch after ${what} as another user, and the others notice nothing, but after three all are cut`, async () => {
      for (const refused of [1, 3]) {
        const sharing = new Sharing({ random: () => 0 });
        const clients = [await sharing.open(of('ann'))];
        for (const user of ['bob', 'eve', 'joe']) clients.push(await sharing.join(of(user)));
        await sharing.lose('fail');
        for (let count = 0; count < refused; count += 1) {
          await refuse(sharing);
          await turn();
        }
        assert.deepEqual(
          senders(sharing).slice(0, refused + 2),
          ['ann', 'ann', 'bob', 'eve'].slice(0, refused + 2),
        );
        if (refused === 1) {
          sharing.watch(-1).open();
          await turn();
          sharing.change();
        }
        for (const { events } of clients.slice(1))
          assert.deepEqual(events, refused === 1 ? ['MODIFIED 101'] : []);
        assert.equal(clients.at(-1)?.ended instanceof Error, refused === 3);
      }
    });
  }

  it('a lost watch as a client who is still connected, and whose right has not ended', async () => {
    const sharing = new Sharing({ random: () => 0 });
    const [bobs, joes] = [right(), right()];
    const ann = await sharing.open(of('ann'));
    const bob = await sharing.join(of('bob', bobs));
    const joe = await sharing.join(of('joe', joes));
    const eve = await sharing.join(of('eve', right()));
    ann.trip?.abort();
    await sharing.pass(10_000);
    bobs.is = false;
    joes.is = 'unknown';
    sharing.watch().fail();
    await sharing.pass(100);
    assert.deepEqual(senders(sharing), ['ann', 'eve']);
    sharing.watch(-1).open();
    await turn();
    sharing.change();
    assert.deepEqual(ends(bob, joe, eve), ['end', undefined, undefined]);
    assert.deepEqual([bob.events, joe.events, eve.events], [[], [], ['MODIFIED 101']]);
    joes.is = true;
    await sharing.pass(5_000);
    assert.deepEqual(joe.events, ['MODIFIED 101'], 'nobody could say it before');
  });
});

describe('clients that wait for the head of a watch', () => {
  it('are asked about again if an answer no longer counts', async () => {
    const sharing = new Sharing();
    const bobs = { ...right(), right: 'of bob' };
    (await sharing.open(of('bob', bobs))).trip?.abort();
    await sharing.pass(9_000);
    const ann = await sharing.join(of('ann'));
    const bob = await sharing.join(of('bob', bobs));
    bobs.isAllowed = async () => false;
    sharing.server.rights.set('of bob', bobs.isAllowed);
    await sharing.pass(1_100);
    sharing.watch(-1).open();
    await turn();
    await turn();
    assert.deepEqual([ann.status, bob.status], [200, undefined]);
    assertOwn(sharing, 'bob');
  });

  it('are asked about again, and stay with streams of their own if their right has ended', async () => {
    const sharing = new Sharing();
    const bobs = right();
    const ann = await openList(sharing, begins('ann'));
    const bob = await openList(sharing, begins('bob', bobs));
    await sharing.pass(9_000);
    for (const { list } of [ann, bob]) list.finish();
    bobs.is = false;
    await sharing.pass(1_100);
    sharing.watch(-1).open();
    await turn();
    assert.deepEqual([ann.list.isAborted, bob.list.isOpen, bob.client.ended], [true, true, undefined]);
    sharing.change();
    assert.deepEqual([ann.client.lines.length, bob.client.lines.length], [2, 1]);
  });
});

describe('an API that another server may serve', () => {
  it('gives nobody anything before the API server says that it serves it itself', async () => {
    const sharing = new Sharing();
    const api = confirmation();
    const [ann, bob] = [await sharing.open(of('ann', { api })), await sharing.join(of('bob', { api }))];
    sharing.change();
    assert.deepEqual([ann.status, bob.status], [undefined, undefined]);
    api.answer(true);
    await turn();
    for (const { events } of [ann, bob]) assert.deepEqual(events, ['MODIFIED 101']);
    assert.equal(api.asked, 1);
  });

  it('is shared with nobody if it does not', async () => {
    const sharing = new Sharing();
    const api = confirmation();
    const clients = [await sharing.open(of('ann', { api })), await sharing.join(of('bob', { api }))];
    const { client, list } = await openList(sharing, begins('eve', { api }));
    list.finish();
    api.answer(false);
    await turn();
    for (const { status } of clients) assert.equal(status, undefined);
    const own = sharing.server.watches.filter(({ path }) => path.startsWith('/own'));
    assert.deepEqual(own.map(({ user }) => user).sort(), ['ann', 'bob', 'eve']);
    assert.deepEqual([list.isOpen, client.ended, sharing.counts.clients], [true, undefined, 0]);
  });

  it('gives nothing after a loss before it is said again, and ends all if it is not so', async () => {
    const sharing = new Sharing({ random: () => 0 });
    const api = confirmation();
    const client = await sharing.open(of('ann', { api }));
    api.answer(true);
    await turn();
    sharing.watch().fail();
    await sharing.pass(100);
    sharing.watch(-1).open();
    sharing.change();
    assert.deepEqual(client.events, []);
    api.answer(false);
    await turn();
    assert.equal(client.ended, 'end');
    assert.deepEqual(client.events, []);
    assert.equal(sharing.atServer(), 0);
  });

  it('lets nobody join any longer when it is known to be another’s, and those who are there stay as at the API server', async () => {
    const sharing = new Sharing();
    let isLocal = true;
    const api = { confirm: () => true as const, isLocal: async () => isLocal };
    const ann = await sharing.open(of('ann', { api }));
    const bob = await sharing.join(of('bob', { api }));
    const eve = await openList(sharing, begins('eve', { api }));
    isLocal = false;
    await sharing.join(of('joe', { api }));
    await turn();
    assertOwn(sharing, 'joe');
    eve.list.finish();
    await turn();
    sharing.server.write();
    sharing.watch(0).send();
    assert.deepEqual(
      [ann.events, bob.events, sharing.counts.clients],
      [['MODIFIED 101'], ['MODIFIED 101'], 2],
    );
    assert.deepEqual([eve.client.ended, eve.list.isOpen], [undefined, true]);
  });
});

it('users who come and go leave nothing behind, allowed or refused, while others stay or wait for the API server', async () => {
  for (const isAnswered of [true, false]) {
    const sharing = new Sharing();
    await sharing[isAnswered ? 'open' : 'join'](of('ann'));
    const gone: WeakRef<WatchingClient>[] = [];
    for (let user = 0; user < 100; user += 1) {
      const asks = user % 2 === 0 ? of : begins;
      const client = await sharing.join(asks(`user-${user}`, { isAllowed: async () => user % 3 !== 0 }));
      if (user % 5 !== 0) await sharing.pass(100);
      client.trip?.abort();
      gone.push(new WeakRef(client));
    }
    await sharing.pass(30_000);
    // What the API server's double remembers of them is not the proxy's.
    sharing.server.watches.splice(1);
    sharing.server.lists.length = 0;
    await turn();
    collectGarbage();
    const left = gone.filter(reference => reference.deref() !== undefined).length;
    assert.ok(left <= 2, `${left} of ${gone.length} are still in memory`);
    const open = isAnswered ? 1 : 0;
    assert.deepEqual([sharing.counts.watches, sharing.counts.clients], [open, open]);
  }
});
