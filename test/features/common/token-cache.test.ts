import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../../../src/authentication/bearer-token.js';
import { AuthenticationError, IdentityError } from '../../../src/authentication/identity.js';
import { TokenCache, userOf, type VerifiedUser } from '../../../src/features/common/token-cache.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import { ManualClock, unevenTimes } from '../../support/manual-clock.js';

const start = 1_700_000_000_000;

function verified(username: string, expires?: number): VerifiedUser {
  return { user: { username, uid: undefined, groups: [], extra: new Map() }, expires };
}

function setUp(
  verify: (token: string) => VerifiedUser | undefined | Promise<VerifiedUser | undefined>,
  waits?: (token: string) => boolean,
) {
  const clock = new ManualClock(start);
  const asked: string[] = [];
  const server = { endpoint: {} };
  const hits: boolean[] = [];
  const cache = new TokenCache({
    async verify({ text }) {
      asked.push(text);
      return verify(text);
    },
    successTtl: 120_000,
    failureTtl: 10_000,
    metrics: { cacheAsked: isHit => hits.push(isHit) },
    verifiedBy: () => server.endpoint,
    ...(waits && { waits: ({ text }) => waits(text) }),
    clock,
  });
  const authenticate = async (text: string, source = '192.0.2.1') =>
    userOf(await cache.find({ text, digest: digestOf(text), source }))?.username;
  return { clock, asked, hits, authenticate, server };
}

describe('a cached token', () => {
  for (const [when, pass] of unevenTimes) {
    it(`is valid no longer than its time to live and its own expiry ${when}`, async () => {
      for (const [expires, lifetime] of [
        [undefined, 120_000],
        [start + 5_000, 5_000],
      ] as const) {
        const { clock, asked, hits, authenticate } = setUp(() => verified('alice', expires));
        assert.equal(await authenticate('t'), 'alice');
        pass(clock, lifetime - 1);
        await authenticate('t');
        assert.equal(asked.length, 1);
        clock.advance(1);
        await authenticate('t');
        assert.equal(asked.length, 2);
        assert.deepEqual(hits, [false, true, false]);
      }
      const expired = setUp(() => verified('alice', start));
      for (let times = 0; times < 2; times += 1) assert.equal(await expired.authenticate('t'), 'alice');
      assert.equal(expired.asked.length, 2, 'it has already expired by this clock');
    });
  }

  it('stays cached as bad for ten seconds, whether it was rejected or not recognised', async () => {
    for (const outcome of [new AuthenticationError('no'), new IdentityError('system:masters'), undefined]) {
      const { clock, asked, authenticate } = setUp(() => {
        if (outcome !== undefined) throw outcome;
        return undefined;
      });
      const check = async () => {
        if (outcome === undefined) assert.equal(await authenticate('t'), undefined);
        else await assert.rejects(authenticate('t'), outcome);
      };
      await check();
      clock.advance(9_999);
      await check();
      assert.equal(asked.length, 1);
      clock.advance(1);
      await check();
      assert.equal(asked.length, 2);
    }
  });

  it('is verified once for all requests that bring it at the same time, and each token separately', async () => {
    const waiting = new Map<string, (result: VerifiedUser) => void>();
    const { asked, authenticate } = setUp(text => new Promise(resolve => waiting.set(text, resolve)));
    const many = Array.from({ length: 50 }, (_, index) => authenticate(index % 2 === 0 ? 'a' : 'b'));
    assert.deepEqual(asked, ['a', 'b']);
    waiting.get('b')?.(verified('bob'));
    waiting.get('a')?.(verified('alice'));
    const names = await Promise.all(many);
    assert.ok(names.every((name, index) => name === (index % 2 === 0 ? 'alice' : 'bob')));
  });

  it('stays while any number of bad tokens pass, and is evicted only by newer good ones', async () => {
    const { asked, authenticate } = setUp(text => {
      if (text.startsWith('bad')) throw new AuthenticationError('no');
      return verified(text);
    });
    await authenticate('alice');
    for (let index = 0; index < 10_000; index++) {
      await assert.rejects(authenticate(`bad-${index}`), AuthenticationError);
    }
    asked.length = 0;
    await authenticate('alice');
    await assert.rejects(authenticate('bad-9999'), AuthenticationError);
    assert.deepEqual(asked, []);
    await assert.rejects(authenticate('bad-0'), AuthenticationError);
    assert.deepEqual(asked, ['bad-0']);
    for (let index = 0; index < 4_095; index++) await authenticate(`good-${index}`);
    asked.length = 0;
    await authenticate('alice');
    assert.deepEqual(asked, []);
    await authenticate('good-new');
    await authenticate('good-0');
    assert.deepEqual(
      asked,
      ['good-new', 'good-0'],
      'the token that was not used for the longest time is evicted',
    );
  });

  it('is verified again when another server is responsible, even if its check is under way', async () => {
    const waiting: ((result: VerifiedUser) => void)[] = [];
    const { asked, authenticate, server } = setUp(text =>
      text === 'slow' ? new Promise(resolve => waiting.push(resolve)) : verified(text),
    );
    await authenticate('alice');
    const before = authenticate('slow');
    server.endpoint = {};
    await authenticate('alice');
    assert.deepEqual(asked, ['alice', 'slow', 'alice']);
    const after = authenticate('slow');
    waiting[0]?.(verified('old'));
    waiting[1]?.(verified('new'));
    assert.equal(await after, 'new');
    assert.equal(await authenticate('slow'), 'new');
    assert.equal(asked.length, 5, 'the new server is asked again what the former one has answered');
    waiting[2]?.(verified('new'));
    assert.equal(await before, 'new');
    assert.equal(await authenticate('slow'), 'new');
    assert.equal(asked.length, 5);
  });
});

describe('tokens that wait for their check', () => {
  const never = () => new Promise<VerifiedUser>(() => {});
  const attack = (authenticate: (text: string, source: string) => Promise<unknown>, source: string) => {
    for (let index = 0; index < 128; index++) void authenticate(`made-up-${source}-${index}`, source);
  };

  it('are at most 128 per address, and block neither tokens of other addresses nor cached ones', async () => {
    const { authenticate } = setUp(text => (text.startsWith('made-up') ? never() : verified(text)));
    await authenticate('alice', '192.0.2.1');
    for (const source of ['192.0.2.1', '192.0.2.2', '2001:db8::1']) attack(authenticate, source);
    await assert.rejects(authenticate('made-up-again', '192.0.2.1'), { code: 503, retryAfterSeconds: 1 });
    await assert.rejects(authenticate('bob', '192.0.2.1'), { code: 503 });
    assert.equal(await authenticate('alice', '192.0.2.1'), 'alice');
    assert.equal(await authenticate('bob', '192.0.2.3'), 'bob');
    assert.equal(await authenticate('bob', '192.0.2.1'), 'bob', 'a cached token does not wait');
  });

  it('do not block a token that was good a short while ago, at whichever server, but block all others', async () => {
    const bad = new Set<string>();
    let isDown = false;
    const { authenticate, clock, server, asked } = setUp(text => {
      if (text.startsWith('made-up')) return never();
      if (isDown) throw new StatusError(503, 'away');
      if (text === 'nobody') return undefined;
      if (bad.has(text)) throw new AuthenticationError('no');
      return verified(text);
    });
    for (const name of ['alice', 'bob', 'carol', 'nobody']) await authenticate(name);
    attack(authenticate, '192.0.2.1');
    clock.advance(120_000);
    await assert.rejects(authenticate('nobody'), { code: 503 }, 'it was never good');
    isDown = true;
    await assert.rejects(authenticate('alice'), /away/);
    isDown = false;
    assert.equal(await authenticate('alice'), 'alice', 'a check without a result says nothing');
    server.endpoint = {};
    assert.equal(await authenticate('alice'), 'alice');
    assert.equal(asked.filter(text => text === 'alice').length, 4);
    bad.add('bob');
    await assert.rejects(authenticate('bob'), AuthenticationError);
    clock.advance(10_000);
    await assert.rejects(authenticate('bob'), { code: 503 }, 'it was invalid the last time');
    clock.advance(10 * 60_000);
    await assert.rejects(authenticate('carol'), { code: 503 }, 'that was long ago');
  });

  for (const [when, pass] of unevenTimes) {
    it(`do not block a token that was good ten minutes ago, and no longer ${when}`, async () => {
      const { authenticate, clock } = setUp(text => (text.startsWith('made-up') ? never() : verified(text)));
      for (const name of ['alice', 'bob']) await authenticate(name);
      attack(authenticate, '192.0.2.1');
      pass(clock, 12 * 60_000 - 1);
      assert.equal(await authenticate('alice'), 'alice');
      clock.advance(1);
      await assert.rejects(authenticate('bob'), { code: 503 });
    });
  }

  it('stop counting once they are verified, whatever the result is', async () => {
    const waiting: [(result: undefined) => void, (error: Error) => void][] = [];
    const { authenticate } = setUp(text =>
      text.startsWith('made-up')
        ? new Promise((resolve, reject) => waiting.push([resolve, reject]))
        : verified(text),
    );
    const ends = Array.from({ length: 128 }, (_, index) => authenticate(`made-up-${index}`));
    await assert.rejects(authenticate('alice'), { code: 503 });
    for (const [index, [resolve, reject]] of waiting.entries()) {
      if (index % 2 === 0) resolve(undefined);
      else reject(index % 3 === 0 ? new AuthenticationError('no') : new StatusError(503, 'away'));
    }
    await Promise.allSettled(ends);
    attack(authenticate, '192.0.2.1');
    await assert.rejects(authenticate('alice'), { code: 503 });
    assert.equal(waiting.length, 256);
  });

  it('do not count if no server has to verify them', async () => {
    const { authenticate } = setUp(
      text => (text.startsWith('made-up') ? never() : verified(text)),
      text => text !== 'known',
    );
    attack(authenticate, '192.0.2.1');
    assert.equal(await authenticate('known'), 'known');
    await assert.rejects(authenticate('unknown'), { code: 503 });
  });
});
