import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/lib/clock.js';
import { type Question, Reviews } from '../../src/reviews/reviews.js';
import { type Access, ReplacedError } from '../../src/transport/access.js';
import { answeringPool } from '../support/transport/answering-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

/** An access to an API server that sends this answer to every request. */
function accessOf(host: string, status: number, asked: string[]): Access {
  const pool = answeringPool(() => {
    asked.push(host);
    return { status, body: { status: { allowed: true } } };
  });
  return accessTo(pool, { host });
}

describe('an access review', () => {
  it('counts only for the API server and the user of its access, and is sent to no other server', async () => {
    const asked: string[] = [];
    const first = accessOf('first', 201, asked);
    const refusing = accessOf('first', 401, asked);
    const second = accessOf('second', 201, asked);
    for (const later of [false, true]) {
      asked.length = 0;
      const isUserOf = ({ host }: Access) => (later ? Promise.resolve(host === 'first') : host === 'first');
      const ask = (now: Access, afterRefusal?: Access) => {
        const cluster = { host: '', access: () => now, refused: async () => afterRefusal };
        const question: Question = {
          ...{ cluster, as: 'configured', access: { user: { key: '', isUserOf } } },
          attributes: { resourceAttributes: { verb: 'watch' } },
        };
        return new Reviews(systemClock).ask(question).then(({ isAllowed }) => isAllowed);
      };
      assert.equal(await ask(first), true);
      await assert.rejects(ask(second), ReplacedError);
      await assert.rejects(ask(refusing, second), ReplacedError);
      assert.deepEqual(asked, ['first', 'first']);
      assert.equal(await ask(refusing, first), true);
    }
  });
});
