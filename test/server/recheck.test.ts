import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuthenticationError } from '../../src/authentication/identity.js';
import { StatusError } from '../../src/kubernetes/status.js';
import type { UserInfo } from '../../src/kubernetes/user-info.js';
import type { OpenRequest } from '../../src/request/context.js';
import { createRechecks, openCallers } from '../../src/server/recheck.js';
import { ReplacedError } from '../../src/transport/access.js';

type Parts = Parameters<typeof createRechecks>[0];
type Known = UserInfo | Error;
type May = boolean | Error;

const ann: UserInfo = { username: 'ann', uid: undefined, groups: ['a', 'b'], extra: new Map() };
const same = { ...ann, groups: ['b', 'a'] };
const bob = { ...ann, username: 'bob' };
const invalid = new AuthenticationError('it has ended');
const passing = new AuthenticationError('the issuer is down', { isPassing: true });
const down = new StatusError(503, 'down');
const replaced = new ReplacedError();
const by = [{ resourceAttributes: { verb: 'impersonate', group: '', resource: 'users', name: 'eve' } }];
const cluster = { endpoint: {}, host: 'api' };

const request = (more: object = {}) =>
  ({
    caller: ann,
    cluster,
    endpoint: cluster.endpoint,
    mount: { namesContext: false },
    ...more,
  }) as OpenRequest;
const asEve = request({ impersonated: { by } });

/** The rechecks of a caller who is now this one, at once or later, and who may act as others or not. */
function rechecks(known: Known, may: May = false, isLate = false) {
  const recheck = () => {
    if (isLate) return known instanceof Error ? Promise.reject(known) : Promise.resolve(known);
    if (known instanceof Error) throw known;
    return known;
  };
  const ask = async () => {
    if (may instanceof Error) throw may;
    return { isAllowed: may, reason: '', hasError: false };
  };
  return (
    createRechecks({ authentication: { recheck }, reviews: { ask } } as unknown as Parts) ?? assert.fail()
  );
}

/** What comes of a question: its answer, or the error that is none. */
async function outcome(ask: () => boolean | Promise<boolean>): Promise<boolean | unknown> {
  try {
    return await ask();
  } catch (error) {
    return error;
  }
}

describe('the caller of an open request', () => {
  it('is asked for only if callers are authenticated', () => {
    assert.equal(createRechecks({ authentication: undefined, reviews: {} } as Parts), undefined);
  });

  it('is still known if the credential is still that of the same user; an error is an answer unless it passes', async () => {
    for (const isLate of [false, true])
      for (const [known, expected] of [
        ...[ann, same].map(user => [user, true] as const),
        ...[bob, invalid, new StatusError(403, 'no'), replaced].map(no => [no, false] as const),
        ...[passing, down].map(none => [none, none] as const),
      ] as const) {
        const { isStillKnown, isStillLetIn } = rechecks(known, true, isLate);
        for (const ask of [isStillKnown, isStillLetIn])
          assert.equal(await outcome(() => ask(request())), expected, String(known));
      }
  });

  it('may still act as another user if a review says so, and is let in by both', async () => {
    for (const isLate of [false, true])
      for (const [known, may, expected] of [
        [ann, true, true],
        [ann, false, false],
        [ann, down, down],
        [bob, true, false],
      ] as const) {
        const { mayStillAct, isStillLetIn } = rechecks(known, may, isLate);
        assert.equal(await outcome(() => isStillLetIn(asEve)), expected);
        if (known === ann) assert.equal(await outcome(() => mayStillAct(asEve)), expected);
        assert.equal(mayStillAct(request()), true, 'without another user nothing is asked');
      }
  });

  it('ends with the credential here, or where a follower ends it, which then asks only for the other user', async () => {
    const expired = { caller: { ...ann, expires: 5 }, impersonated: { by } };
    const of = rechecks(invalid, true);
    assert.equal(openCallers(of, undefined).endOf(request(expired)), 5);
    assert.equal(openCallers(of, undefined).isStillLetIn, of.isStillLetIn);
    for (const [now, isLetIn] of [
      [4, false],
      [5, true],
      [6, true],
    ] as const) {
      const callers = openCallers(of, { now: () => now });
      assert.equal(await callers.isStillLetIn(request(expired)), isLetIn, String(now));
      assert.equal(await callers.isStillLetIn(request()), false);
      assert.equal(callers.endOf(request(expired)), undefined);
    }
  });
});
