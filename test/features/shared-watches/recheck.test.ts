import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CredentialCheck } from '../../../src/features/shared-watches/watch-to-share.js';
import { Sharing, turn } from './sharing.js';
import type { WatchingClient } from './watching-client.js';

type Saying = Exclude<Awaited<ReturnType<CredentialCheck>>, never> | 'nothing';

/** A credential about which is said what the test sets, at once or a turn later. */
function credential({ isLate = false } = {}) {
  const state = {
    saying: true as Saying,
    asked: 0,
    isStillValid(): boolean | Promise<boolean> {
      state.asked += 1;
      const { saying } = state;
      if (isLate) return turn().then(() => answerOf(saying));
      return answerOf(saying);
    },
  };
  return state;
}

function answerOf(saying: Saying): boolean {
  if (saying === 'nothing') throw new Error('nobody answers');
  return saying;
}

const count = ({ events }: WatchingClient) => events.length;
const ends = (clients: readonly WatchingClient[]) => clients.map(({ ended }) => ended);

for (const isLate of [false, true]) {
  describe(`when a lost watch is opened again, ${isLate ? 'and the answer is late' : 'and the answer is there'},`, () => {
    async function open(sharing: Sharing) {
      sharing.watch(-1).open();
      await turn();
      sharing.change();
    }

    /** Two clients of a watch, which is lost. */
    async function lose(one: Saying, other: Saying) {
      const credentials = [credential({ isLate }), credential({ isLate })] as const;
      const sharing = new Sharing({ random: () => 0 });
      const clients = [
        await sharing.open({ isStillValid: credentials[0].isStillValid }),
        await sharing.join({ isStillValid: credentials[1].isStillValid }),
      ] as const;
      sharing.change();
      assert.deepEqual(clients.map(count), [1, 1]);
      assert.deepEqual([credentials[0].asked, credentials[1].asked], [0, 0], 'nobody is asked before');
      credentials[0].saying = one;
      credentials[1].saying = other;
      sharing.watch().fail();
      await sharing.pass(100);
      await turn();
      return { sharing, clients, credentials };
    }

    it('a client whose credential is no longer valid ends alone, and gets nothing more', async () => {
      const { sharing, clients } = await lose(false, true);
      assert.equal(sharing.server.watches.length, 2);
      await open(sharing);
      assert.deepEqual(
        [clients.map(count), ends(clients)],
        [
          [1, 2],
          ['end', undefined],
        ],
      );
    });

    it('nothing is sent for a user none of whose clients may go on', async () => {
      const { sharing, clients } = await lose(false, false);
      await sharing.pass(40_000);
      assert.deepEqual(ends(clients), ['end', 'end']);
      assert.deepEqual([sharing.server.watches.length, sharing.counts.watches], [1, 0]);
    });

    it('nothing is sent while nobody answers, and all go on as soon as somebody does', async () => {
      const { sharing, clients, credentials } = await lose('nothing', 'nothing');
      await sharing.pass(20_000);
      assert.equal(sharing.server.watches.length, 1);
      assert.ok(credentials[0].asked > 3 && credentials[0].asked < 20, `asked ${credentials[0].asked} times`);
      for (const one of credentials) one.saying = true;
      await sharing.pass(5_000);
      await open(sharing);
      assert.deepEqual(clients.map(count), [2, 2]);
    });

    it('nobody waits for a client about whom nobody answers: it gets nothing before, and is cut after 30 s', async () => {
      for (const isAnswered of [true, false]) {
        const { sharing, clients, credentials } = await lose('nothing', true);
        await open(sharing);
        assert.deepEqual(clients.map(count), [1, 2]);
        if (isAnswered) credentials[0].saying = true;
        await sharing.pass(29_800);
        assert.equal(clients[0].ended, undefined);
        await sharing.pass(300);
        assert.deepEqual(clients.map(count), [isAnswered ? 2 : 1, 2]);
        assert.match(String(clients[0].ended), isAnswered ? /undefined/ : /nobody answers/);
        assert.equal(clients[1].ended, undefined);
      }
    });
  });
}
