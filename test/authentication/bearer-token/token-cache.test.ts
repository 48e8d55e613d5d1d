import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AuthenticationError } from '../../../src/authentication/authentication-error.js';
import { digestOf } from '../../../src/authentication/bearer-token/bearer-token.js';
import { type Judgement, TokenCache, userOf } from '../../../src/authentication/bearer-token/token-cache.js';
import { IdentityError } from '../../../src/authentication/identity.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import { ManualClock } from '../../support/manual-clock.js';

const start = 1_700_000_000_000;

function judgementOf(username: string, expires?: number): Judgement {
  return { user: { username, uid: undefined, groups: [], extra: new Map() }, expires };
}

function setUp(
  judge: (token: string) => Judgement | undefined | Promise<Judgement | undefined>,
  waits?: (token: string) => boolean,
) {
  const clock = new ManualClock(start);
  const asked: string[] = [];
  const server = { endpoint: {} };
  const hits: boolean[] = [];
  const cache = new TokenCache({
    async judge({ text }) {
      asked.push(text);
      return judge(text);
    },
    successTtl: 120_000,
    failureTtl: 10_000,
    metrics: { cacheAsked: isHit => hits.push(isHit) },
    judgedBy: () => server.endpoint,
    ...(waits && { waits: ({ text }) => waits(text) }),
    clock,
  });
  const authenticate = async (text: string, source = '192.0.2.1') =>
    userOf(await cache.find({ text, digest: digestOf(text), source }))?.username;
  return { clock, asked, hits, authenticate, server };
}

describe('a token that is remembered', () => {
  it('is judged again when its time is over, to the millisecond', async () => {
    const { clock, asked, hits, authenticate } = setUp(text => judgementOf(text));
    assert.equal(await authenticate('alice'), 'alice');
    clock.advance(119_999);
    assert.equal(await authenticate('alice'), 'alice');
    assert.equal(asked.length, 1);
    clock.advance(1);
    assert.equal(await authenticate('alice'), 'alice');
    assert.equal(asked.length, 2);
    assert.deepEqual(hits, [false, true, false]);
  });

  it('is never good beyond its own expiry, whatever the time to remember', async () => {
    let isRevoked = false;
    const { clock, authenticate } = setUp(() => {
      if (isRevoked) throw new AuthenticationError('expired');
      return judgementOf('alice', start + 5_000);
    });
    assert.equal(await authenticate('t'), 'alice');
    isRevoked = true;
    clock.advance(4_999);
    assert.equal(await authenticate('t'), 'alice');
    clock.advance(1);
    await assert.rejects(authenticate('t'), AuthenticationError);
  });

  it('that has expired by this clock is judged every time', async () => {
    const { asked, authenticate } = setUp(() => judgementOf('alice', start));
    assert.equal(await authenticate('t'), 'alice');
    assert.equal(await authenticate('t'), 'alice');
    assert.equal(asked.length, 2);
  });

  it('is remembered as bad, refused or not ours for ten seconds', async () => {
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

  it('is not remembered when nobody could tell', async () => {
    let isDown = true;
    const { asked, authenticate } = setUp(() => {
      if (isDown) throw new StatusError(503, 'down');
      return judgementOf('alice');
    });
    await assert.rejects(authenticate('t'), { code: 503 });
    isDown = false;
    assert.equal(await authenticate('t'), 'alice');
    assert.equal(asked.length, 2);
  });

  it('is judged once for all who come with it at the same time, and each token by itself', async () => {
    const waiting = new Map<string, (judgement: Judgement) => void>();
    const { asked, authenticate } = setUp(text => new Promise(resolve => waiting.set(text, resolve)));
    const many = Array.from({ length: 50 }, (_, index) => authenticate(index % 2 === 0 ? 'a' : 'b'));
    assert.deepEqual(asked, ['a', 'b']);
    waiting.get('b')?.(judgementOf('bob'));
    waiting.get('a')?.(judgementOf('alice'));
    const names = await Promise.all(many);
    assert.ok(names.every((name, index) => name === (index % 2 === 0 ? 'alice' : 'bob')));
  });

  it('stays while any number of bad ones pass, and is forgotten for newer good ones', async () => {
    const { asked, authenticate } = setUp(text => {
      if (text.startsWith('bad')) throw new AuthenticationError('no');
      return judgementOf(text);
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
    assert.deepEqual(asked, ['good-new', 'good-0'], 'the one that was longest unused is gone');
  });

  it('is judged anew when it is for another to judge, one that is being judged among them', async () => {
    const waiting: ((judgement: Judgement) => void)[] = [];
    const { asked, authenticate, server } = setUp(text =>
      text === 'slow' ? new Promise(resolve => waiting.push(resolve)) : judgementOf(text),
    );
    await authenticate('alice');
    const before = authenticate('slow');
    server.endpoint = {};
    await authenticate('alice');
    assert.deepEqual(asked, ['alice', 'slow', 'alice']);
    const after = authenticate('slow');
    waiting[0]?.(judgementOf('old'));
    waiting[1]?.(judgementOf('new'));
    assert.equal(await after, 'new');
    assert.equal(await authenticate('slow'), 'new');
    assert.equal(asked.length, 5, 'what the former one said is asked of the new one');
    waiting[2]?.(judgementOf('new'));
    assert.equal(await before, 'new');
    assert.equal(await authenticate('slow'), 'new');
    assert.equal(asked.length, 5);
  });
});

describe('tokens that wait for who judges them', () => {
  const never = () => new Promise<Judgement>(() => {});
  const attack = (authenticate: (text: string, source: string) => Promise<unknown>, source: string) => {
    for (let index = 0; index < 128; index++) void authenticate(`made-up-${source}-${index}`, source);
  };

  it('are 128 of an address at most, and leave all to the tokens of others and to what is remembered', async () => {
    const { authenticate } = setUp(text => (text.startsWith('made-up') ? never() : judgementOf(text)));
    await authenticate('alice', '192.0.2.1');
    for (const source of ['192.0.2.1', '192.0.2.2', '2001:db8::1']) attack(authenticate, source);
    await assert.rejects(authenticate('made-up-again', '192.0.2.1'), { code: 503, retryAfterSeconds: 1 });
    await assert.rejects(authenticate('bob', '192.0.2.1'), { code: 503 });
    assert.equal(await authenticate('alice', '192.0.2.1'), 'alice');
    assert.equal(await authenticate('bob', '192.0.2.3'), 'bob');
    assert.equal(await authenticate('bob', '192.0.2.1'), 'bob', 'remembered, it has nothing to wait for');
  });

  it('leave a place to one that was good a short while ago, by whichever server, and to no other', async () => {
    const bad = new Set<string>();
    const { authenticate, clock, server, asked } = setUp(text => {
      if (text.startsWith('made-up')) return never();
      if (bad.has(text)) throw new AuthenticationError('no');
      return judgementOf(text);
    });
    for (const name of ['alice', 'bob', 'carol']) await authenticate(name);
    attack(authenticate, '192.0.2.1');
    clock.advance(120_000);
    assert.equal(await authenticate('alice'), 'alice');
    server.endpoint = {};
    assert.equal(await authenticate('alice'), 'alice');
    assert.equal(asked.filter(text => text === 'alice').length, 3);
    bad.add('bob');
    await assert.rejects(authenticate('bob'), AuthenticationError);
    clock.advance(10_000);
    await assert.rejects(authenticate('bob'), { code: 503 }, 'it was the last found bad');
    clock.advance(10 * 60_000);
    await assert.rejects(authenticate('carol'), { code: 503 }, 'that was long ago');
  });

  it('give their place back when they are judged, however that ends', async () => {
    const waiting: [(judgement: undefined) => void, (error: Error) => void][] = [];
    const { authenticate } = setUp(text =>
      text.startsWith('made-up')
        ? new Promise((resolve, reject) => waiting.push([resolve, reject]))
        : judgementOf(text),
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

  it('do not count where nobody has to be asked', async () => {
    const { authenticate } = setUp(
      text => (text.startsWith('made-up') ? never() : judgementOf(text)),
      text => text !== 'known',
    );
    attack(authenticate, '192.0.2.1');
    assert.equal(await authenticate('known'), 'known');
    await assert.rejects(authenticate('unknown'), { code: 503 });
  });
});
