import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { OwnRefusalError } from '../../../src/clusters/own-request.js';
import { NoReviewsError } from '../../../src/features/common/still-allowed.js';
import type { Followed } from '../../../src/features/stream-ends/followed.js';
import { createOperatorActions } from '../../../src/features/stream-ends/list.js';
import { questionKey } from '../../../src/features/stream-ends/rechecks.js';
import { StreamEnds } from '../../../src/features/stream-ends/stream-ends.js';
import { UnaskableClusters } from '../../../src/features/stream-ends/unaskable-clusters.js';
import type { OpenStream, StreamEnd, StreamFollower } from '../../../src/proxy/open-streams.js';
import type { Question } from '../../../src/reviews/reviews.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { ManualClock, unevenTimes } from '../../support/manual-clock.js';
import { endpoint } from '../../support/transport/upstream-requests.js';

const start = Date.parse('2026-01-01T00:00:00Z');
const interval = 60_000;

/** An open stream, and what has ended it. */
class TestStream implements OpenStream {
  readonly request: OpenStream['request'];
  readonly questions: readonly Question[];
  readonly upgradedTo = undefined;
  ends: StreamEnd['endedBy'][] = [];
  message = '';

  constructor(
    name: string,
    { token = name, expires, questions = [name], longRunning = true }: StreamOptions = {},
  ) {
    this.request = {
      caller: { username: name, uid: undefined, groups: ['g'], extra: new Map(), expires },
      head: {
        ...{ authorization: `Bearer ${token}`, asksForUpgrade: false },
        rawHeaders: ['Authorization', `Bearer ${token}`, 'User-Agent', `kubectl ${'x'.repeat(300)}`],
      },
      raw: { socket: { remoteAddress: '10.0.0.1', bytesWritten: 42 } },
      clientAddress: undefined,
      cluster: { name: 'dev' },
      record: {
        ...{ longRunning, isUpgrade: false, origin: { requestId: `request of ${name}` } },
        user: name,
        info: { verb: 'watch', apiGroup: '', resource: 'pods', subresource: '', namespace: 'a', name: '' },
      },
    } as unknown as OpenStream['request'];
    this.questions = questions.map(asked => ({
      cluster: { name: 'dev' } as Question['cluster'],
      as: asked === 'own' ? 'configured' : ['Impersonate-User', name],
      attributes: { resourceAttributes: { name: asked } },
      ...(asked.startsWith('?') && { onlyIfHeld: true }),
    }));
  }

  revoke({ endedBy, error }: StreamEnd): void {
    this.ends.push(endedBy);
    this.message = error.message;
  }

  endEarly(): void {}
  destroy(): void {}
}

interface StreamOptions {
  readonly token?: string;
  readonly expires?: number;
  /** One that begins with `?` counts only if it is a yes at the beginning. */
  readonly questions?: readonly string[];
  readonly longRunning?: boolean;
}

let clock: ManualClock;
let ends: StreamEnds;
let follower: StreamFollower;
/** What was asked, as `about user`, and when. */
let asked: string[];
let askedAt: number[];
let known: (stream: OpenStream['request']) => boolean | Promise<boolean>;
let allowed: (question: Question) => Promise<boolean>;
let held: (question: Question) => Promise<boolean>;
let found: string[];
let unaskable: UnaskableClusters;
let warned: unknown[];

function set(parts: {
  readonly grace?: number;
  readonly interval?: number;
  readonly byOperator?: boolean;
}): void {
  ends = new StreamEnds({
    ...{ grace: undefined, interval: undefined, byOperator: false, clock, ...parts },
    reviews: {
      async askNow(question) {
        const { name } = (question.attributes as { resourceAttributes: { name: string } }).resourceAttributes;
        asked.push(`access ${question.as[1]} ${name}`);
        askedAt.push(clock.monotonic());
        return { isAllowed: await allowed(question), reason: '', hasError: false };
      },
      forget() {},
      ask: async question => ({ isAllowed: await held(question), reason: '', hasError: false }),
    },
    unaskable,
    rechecked: (about, finding) => found.push(`${about} ${finding}`),
  });
  follower = ends.follow(request => {
    asked.push(`caller ${request.caller?.username}`);
    return known(request);
  });
}

/** A request that has no answer yet. */
function send(name: string, options?: StreamOptions): TestStream {
  const stream = new TestStream(name, options);
  follower.began(stream);
  return stream;
}

/** A stream whose answer begins. */
function begin(name: string, options?: StreamOptions): TestStream {
  const stream = send(name, options);
  follower.opened(stream);
  return stream;
}

async function pass(milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 1_000) {
    clock.advance(Math.min(left, 1_000));
    await turn();
  }
}

beforeEach(() => {
  clock = new ManualClock(start);
  asked = [];
  askedAt = [];
  found = [];
  known = () => true;
  allowed = async () => true;
  held = async () => true;
  warned = [];
  unaskable = new UnaskableClusters(clock, { warn: (...line: unknown[]) => warned.push(line) } as never);
});

describe('a stream whose credential expires', () => {
  it('ends then, after the grace, and others stay', async () => {
    for (const grace of [0, 10_000]) {
      set({ grace });
      const [stream, later, lasting] = [
        begin('jane', { expires: clock.now() + 20_000 }),
        begin('jane', { expires: clock.now() + 40_000 }),
        begin('paul'),
      ];
      await pass(19_000 + grace);
      assert.deepEqual(stream.ends, []);
      await pass(1_000);
      assert.deepEqual(stream.ends, ['expiry']);
      assert.equal(stream.message, 'the credential that this stream began with has expired');
      await pass(5_000);
      assert.deepEqual([stream.ends, later.ends, lasting.ends], [['expiry'], [], []]);
      for (const each of [stream, later, lasting]) follower.ended(each);
    }
  });

  for (const [when, elapse] of unevenTimes)
    it(`ends ${when}`, async () => {
      set({ grace: 0 });
      const stream = begin('jane', { expires: clock.now() + 20_000 });
      elapse(clock, 20_000);
      await pass(1_000);
      assert.deepEqual(stream.ends, ['expiry']);
    });

  it('goes on without the flag, and is asked about its access alone', async () => {
    set({ interval });
    known = () => false;
    const stream = begin('jane', { expires: clock.now() + 1_000 });
    await pass(3 * interval);
    assert.deepEqual(stream.ends, []);
    assert.deepEqual(new Set(asked), new Set(['access jane jane']));
    allowed = async () => false;
    await pass(interval);
    assert.deepEqual(stream.ends, ['access']);
  });

  it('does not end because its caller is unknown, if the credential expires while that is asked', async () => {
    set({ interval });
    let refuse: (isKnown: boolean) => void = () => {};
    known = () => new Promise(resolve => (refuse = resolve));
    const stream = begin('jane', { expires: clock.now() + interval });
    await pass(interval - 500);
    assert.ok(asked.includes('caller jane'));
    await pass(1_000);
    refuse(false);
    await turn();
    assert.deepEqual(stream.ends, []);
  });
});

describe('open streams that are checked', () => {
  it('end within an interval after a right has ended, and others go on', async () => {
    for (const [reason, name] of [
      ['caller', 'unknown'],
      ['access', 'denied'],
    ] as const) {
      set({ interval });
      known = () => true;
      const all = ['unknown', 'denied', 'fine'].map(user => begin(user));
      await pass(3.5 * interval);
      assert.deepEqual(
        all.flatMap(stream => stream.ends),
        [],
      );
      known = ({ caller }) => reason !== 'caller' || caller?.username !== name;
      allowed = async question => reason !== 'access' || question.as[1] !== name;
      await pass(interval);
      for (const stream of all) {
        assert.deepEqual(stream.ends, stream.request.caller?.username === name ? [reason] : []);
        follower.ended(stream);
      }
    }
  });

  for (const each of [1, 10])
    it(`are asked about evenly, and each question of a user once in an interval: 1,000 streams of 100 users, with ${each} each`, async () => {
      set({ interval });
      const streams = Array.from({ length: 1_000 }, (_, index) =>
        begin(`user-${index % 100}`, { questions: [`${Math.floor(index / 100) % each}`] }),
      );
      for (let round = 1; round <= 3; round += 1) {
        asked = [];
        askedAt = [];
        await pass(interval);
        assert.equal(new Set(asked.filter(text => text.startsWith('access'))).size, 100 * each);
        // What is asked a second early belongs to the next round.
        assert.ok(askedAt.length <= 102 * each, `${askedAt.length}`);
        const perSecond = new Map<number, number>();
        for (const at of askedAt) perSecond.set(at, (perSecond.get(at) ?? 0) + 1);
        const most = Math.max(...perSecond.values());
        assert.ok(most <= 2 * Math.ceil((100 * (each + 1)) / 60), JSON.stringify([...perSecond]));
        // Those whose tokens are equal are asked about at once.
        assert.equal(asked.filter(text => text === 'caller user-7').length % 10, 0);
      }
      for (const stream of streams) assert.deepEqual(stream.ends, []);
    });

  it('are all asked about in each interval, while an attacker opens streams faster than they are checked', async () => {
    set({ interval });
    const victim = begin('jane');
    let opened = 0;
    for (let second = 0; second < 180; second += 1) {
      for (let index = 0; index < 15; index += 1) begin('mallory', { questions: [`q${opened++}`] });
      asked = asked.filter(text => !text.includes('mallory'));
      await pass(1_000);
      if (second % 60 === 59) {
        assert.ok(asked.includes('access jane jane'), `${second}`);
        asked = [];
      }
    }
    assert.deepEqual(victim.ends, []);
    allowed = async () => false;
    await pass(interval);
    const open = [...ends.open.values()].filter(({ isOver }: Followed) => !isOver);
    assert.equal(open.length, 0, 'all of them ended within an interval');
  });

  it('are asked about one after the other, at each look as many', async () => {
    set({ interval });
    for (let index = 0; index < 30; index += 1) begin(`user-${index}`);
    for (let second = 1; second < 59; second += 1) {
      await pass(1_000);
      assert.equal(asked.length, second);
    }
  });

  it('are asked about after another one that had the same question has ended', async () => {
    set({ interval });
    const [first, second] = [begin('jane'), begin('jane')];
    follower.ended(first);
    allowed = async () => false;
    await pass(interval);
    assert.deepEqual([first.ends, second.ends], [[], ['access']]);
  });

  it('go on while nobody can say whether they may', async () => {
    set({ interval });
    known = () => {
      throw new Error('the API server is away');
    };
    allowed = () => Promise.reject(new Error('429'));
    const stream = begin('jane');
    await pass(3 * interval);
    assert.deepEqual(stream.ends, []);
    assert.deepEqual(new Set(found), new Set(['caller unknown', 'access unknown']));
    allowed = () => new Promise(() => {});
    await pass(3 * interval);
    assert.deepEqual(stream.ends, []);
  });

  it('are asked about what the API server may not have asked from a yes at the beginning on', async () => {
    set({ interval });
    const questions = ['exec', '?create'];
    const create = 'access jane ?create';
    held = async () => false;
    const [without, unlike] = [begin('jane', { questions }), begin('paul', { questions })];
    await pass(2 * interval);
    assert.ok(!asked.includes(create));
    held = async ({ as }) => as[1] === 'jane';
    const stream = begin('jane', { questions });
    allowed = async ({ attributes }) => !JSON.stringify(attributes).includes('?create');
    // It is asked again about a stream whose answer begins late, and whose right was there at the beginning.
    await turn();
    held = async () => false;
    follower.opened(stream);
    await pass(interval);
    assert.deepEqual([without.ends, unlike.ends, stream.ends], [[], [], ['access']]);
  });

  it('are asked at the beginning again where nobody could say it, and then no answer but yes counts', async () => {
    set({ interval });
    const questions = ['?own'];
    held = () => Promise.reject(new Error('429'));
    const [late, never, over] = ['jane', 'paul', 'over'].map(user => begin(user, { questions }));
    await pass(interval - 1_000);
    follower.ended(over as TestStream);
    held = async ({ as }) => as[1] !== 'paul';
    await pass(interval);
    asked = [];
    allowed = async () => false;
    await pass(interval);
    assert.deepEqual([late?.ends, never?.ends, over?.ends], [['access'], [], []]);
    assert.ok(!asked.some(text => text.includes('over')));
  });

  it('end as unknown if the API server does not let the proxy ask for three intervals, which log and readyz say once', async () => {
    set({ interval });
    const may = async () => true;
    const mayNot = () => Promise.reject(new NoReviewsError(new OwnRefusalError('api', 'a review', 403, '')));
    const away = () => Promise.reject(new Error('away'));
    const [stream, other] = [begin('jane'), begin('jane', { questions: ['other', 'own'] })];
    for (const [answer, warnings] of [
      [mayNot, 1],
      [away, 1],
      [mayNot, 1],
      [may, 0],
      [mayNot, 1],
      [mayNot, 1],
    ] as const) {
      allowed = question => (question.as === 'configured' ? may() : answer());
      await pass(interval);
      assert.equal(unaskable.warnings().length, warnings);
      assert.deepEqual([stream.ends, other.ends], [[], []]);
    }
    assert.deepEqual(
      warned,
      Array(2).fill([
        { cluster: 'dev' },
        'the API server does not let the proxy ask whether users may go on with open streams',
      ]),
    );
    await pass(interval);
    assert.deepEqual([stream.ends, other.ends], [['unknown'], ['unknown']]);
    assert.match(stream.message, /no longer lets this proxy ask whether you may/);
    clock.advance(10 * 60_000);
    assert.deepEqual(unaskable.warnings(), []);
  });

  it('are not ended by an answer from before the API server let them begin', async () => {
    set({ interval });
    let refuse: (isAllowed: boolean) => void = () => {};
    allowed = () => new Promise(resolve => (refuse = resolve));
    const before = begin('jane');
    await pass(interval - 1_000);
    assert.deepEqual(asked, ['caller jane', 'access jane jane']);
    const sameTick = begin('jane');
    const waiting = send('jane');
    refuse(false);
    await turn();
    assert.deepEqual([before.ends, sameTick.ends, waiting.ends], [['access'], [], []]);
    allowed = async () => false;
    await pass(interval - 1_000);
    assert.deepEqual([sameTick.ends, waiting.ends], [['access'], []]);
    allowed = async () => true;
    follower.opened(waiting);
    await pass(interval);
    assert.deepEqual(waiting.ends, []);
  });

  for (const [what, options] of [
    ['a stream', {}],
    ['any other request', { longRunning: false }],
  ] as const)
    it(`are all that last for longer than an interval: ${what} without an answer`, async () => {
      for (const reason of ['caller', 'access'] as const) {
        set({ interval });
        const [short, long] = [send('jane', options), send('jane', options)];
        await pass(interval - 1_000);
        assert.deepEqual(asked.splice(0), []);
        follower.ended(short);
        known = () => reason !== 'caller';
        allowed = async () => reason !== 'access';
        await pass(interval);
        assert.deepEqual([short.ends, long.ends], [[], [reason]]);
        follower.ended(long);
        asked = [];
        known = () => true;
      }
    });

  it('are asked about by other questions when the answer begins with them', async () => {
    set({ interval });
    const stream = send('jane', { questions: ['as asked'] });
    await pass(2 * interval);
    assert.deepEqual(new Set(asked.splice(0)), new Set(['caller jane', 'access jane as asked']));
    const { questions } = new TestStream('jane', { questions: ['as answered'] });
    Object.assign(stream, { questions });
    follower.opened(stream);
    await pass(interval);
    assert.deepEqual(new Set(asked), new Set(['caller jane', 'access jane as answered']));
  });

  it('are not short requests, whose credential may expire on the way', async () => {
    set({ interval, grace: 0 });
    const [request, stream] = [
      send('jane', { longRunning: false, expires: clock.now() + 1_000 }),
      send('jane', { expires: clock.now() + 1_000 }),
    ];
    await pass(interval - 1_000);
    assert.deepEqual([request.ends, stream.ends], [[], ['expiry']]);
    await pass(1_000);
    assert.deepEqual(request.ends, ['expiry']);
  });

  it('end because of the user whom the caller may no longer act as, too', async () => {
    set({ interval });
    const stream = begin('jane', { questions: ['impersonate paul', 'watch'] });
    allowed = async ({ attributes }) => !JSON.stringify(attributes).includes('impersonate');
    await pass(interval);
    assert.deepEqual(stream.ends, ['access']);
  });
});

it('a stream takes at most 500 bytes, even if no other one has its question, and the quietest watch 29,000', async () => {
  const used = () => {
    [asked, askedAt, found] = [[], [], []];
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  set({ grace: 0, interval });
  const create = (_: unknown, index: number) =>
    new TestStream(`user-${index % 500}`, { questions: [`${index}`] });
  const streams = Array.from({ length: 5_000 }, create);
  const bytes: number[] = [];
  // The first figures contain what is compiled meanwhile.
  for (let round = 0; round < 3; round += 1) {
    const before = used();
    for (const stream of streams) {
      follower.began(stream);
      follower.opened(stream);
    }
    await pass(interval);
    bytes.push((used() - before) / streams.length);
    for (const stream of streams) follower.ended(stream);
  }
  assert.ok(Math.min(...bytes) <= 500, `${bytes}`);
});

it('a right is another question for another user, other attributes or another API server', () => {
  const [question] = new TestStream('jane').questions as [Question];
  const judgedFor = endpoint;
  const questions: readonly Question[] = [
    question,
    { ...question, as: ['Impersonate-User', 'jan'] },
    { ...question, as: 'configured' },
    { ...question, attributes: { resourceAttributes: { verb: 'list' } } },
    { ...question, access: { judgedFor } },
    { ...question, access: { judgedFor: { ...judgedFor, server: 'other' } } },
    { ...question, access: { judgedFor, namesContext: true } },
  ];
  assert.equal(new Set(questions.map(questionKey)).size, questions.length);
  assert.equal(
    questionKey({ ...question, access: { judgedFor: { ...judgedFor } } }),
    questionKey(questions[4] as Question),
  );
});

it('there is one timer for all streams, and none a second after the last one', async () => {
  set({ grace: 0, interval });
  assert.equal(clock.pending, 0);
  const streams = ['jane', 'paul'].map(name => begin(name));
  assert.equal(clock.pending, 1);
  await pass(3_000);
  assert.equal(clock.pending, 1);
  for (const stream of streams) follower.ended(stream);
  await pass(1_000);
  assert.equal(clock.pending, 0);
  assert.equal(ends.open.size, 0);
  begin('jane');
  ends.close();
  assert.equal(clock.pending, 0);
});

const actions = (endsStreams = true) =>
  createOperatorActions({ open: () => ends.open.values(), endsStreams, logger: { warn() {} } as never });
type Answer = { streams: readonly Readonly<Record<string, unknown>>[]; leftOut: number };
const get = (query = '') => actions().list(new URLSearchParams(query)) as Answer;
const remove = (query: string, id?: string, endsStreams?: boolean) =>
  actions(endsStreams).end(new URLSearchParams(query), id) as Answer;

it('the list of open streams has the oldest ones, nothing of a token, and says how many it leaves out', async () => {
  set({ interval });
  begin('jane', { token: 'secret', expires: start + 3_600_000 });
  await pass(interval);
  begin('paul', { expires: 1e300 });
  for (let index = 2; index < 10_003; index += 1) begin('paul');
  const { streams, leftOut } = get();
  assert.equal(streams.length, 10_000);
  assert.equal(leftOut, 3);
  assert.doesNotMatch(JSON.stringify(streams), /secret|Bearer/);
  const { id, ...first } = JSON.parse(JSON.stringify(streams[0]));
  assert.deepEqual(first, {
    ...{ kind: 'watch', user: 'jane', verb: 'watch', resource: 'pods', namespace: 'a', cluster: 'dev' },
    ...{ clientAddress: '10.0.0.1', userAgent: `kubectl ${'x'.repeat(248)}`, requestId: 'request of jane' },
    ...{ bytes: 42, ageSeconds: 60 },
    ...{ since: '2026-01-01T00:00:00.000Z', expires: '2026-01-01T01:00:00.000Z' },
    checked: '2026-01-01T00:00:59.000Z',
  });
  assert.equal(streams[1]?.['expires'], 'never');
  assert.equal(get().streams[0]?.['id'], id, 'it stays the same');
  assert.equal(new Set(streams.map(each => each['id'])).size, 10_000);
});

describe('the open streams that an operator ends', () => {
  const all = () => [begin('jane'), begin('jane', { longRunning: false }), begin('paul')] as const;

  it('are those of a user, whatever they are and however young, and no other ones; each once', () => {
    set({ byOperator: true });
    const streams = all();
    const { streams: ended, leftOut } = remove('user=jane');
    assert.deepEqual([ended.map(({ user }) => user), leftOut], [['jane', 'jane'], 0]);
    assert.deepEqual(
      streams.map(stream => stream.ends),
      [['operator'], ['operator'], []],
    );
    assert.equal(streams[0].message, 'an operator of this proxy has ended this stream');
    assert.deepEqual(remove('user=jane').streams, []);
  });

  it('are the one with an ID, and none with an unknown one', () => {
    set({ byOperator: true });
    const streams = all();
    const [, second] = get().streams;
    assert.equal(remove('', String(second?.['id'])).streams.length, 1);
    assert.deepEqual(
      streams.map(stream => stream.ends),
      [[], ['operator'], []],
    );
    assert.throws(() => remove('', 'unknown'), { code: 404 });
    assert.throws(() => remove('user=paul', String(second?.['id'])), { code: 400 });
  });

  it('are chosen by cluster and kind too, and by nothing that is not known', () => {
    set({ byOperator: true });
    const streams = all();
    assert.equal(get('user=jane&cluster=dev&kind=watch').streams.length, 2);
    for (const none of ['user=nobody', 'user=Jane', 'user=jane&cluster=prod', 'user=jane&kind=exec'])
      assert.deepEqual(remove(none).streams, []);
    for (const unclear of ['usr=jane', 'user=', 'user=jane&user=paul', 'kind=logs', 'user=jane&all', 'x'])
      for (const ask of [get, remove]) assert.throws(() => ask(unclear), { code: 400 }, unclear);
    assert.throws(() => remove(''), { code: 400 }, 'all of them');
    for (const { ends } of streams) assert.deepEqual(ends, []);
  });

  it('are none without --admin-end-streams', () => {
    set({ grace: 0, interval });
    const streams = all();
    for (const id of [undefined, String(get().streams[0]?.['id'])])
      assert.throws(() => remove('user=jane', id, false), { code: 403, message: /--admin-end-streams/ });
    for (const { ends } of streams) assert.deepEqual(ends, []);
  });

  it('have no callers where nobody authenticates, and only then may each be ended by its parts', () => {
    for (const byOperator of [false, true]) {
      set({ byOperator });
      assert.equal(follower.mayEnd({ caller: undefined, cluster: undefined as never }), byOperator);
      set({ byOperator, interval });
      const { caller } = new TestStream('jane').request;
      assert.deepEqual(
        [
          follower.mayEnd({ caller, cluster: undefined as never }),
          follower.mayEnd({ caller: undefined, cluster: undefined as never }),
        ],
        [true, byOperator],
      );
    }
    assert.equal(clock.pending, 0);
  });

  for (const [kind, info, isUpgrade] of [
    ['watch', { verb: 'watch', subresource: '' }, false],
    ['watch', { verb: 'watch', subresource: '' }, true],
    ['log', { verb: 'get', subresource: 'log' }, false],
    ['exec', { verb: 'create', subresource: 'exec' }, true],
    ['attach', { verb: 'get', subresource: 'attach' }, true],
    ['portforward', { verb: 'create', subresource: 'portforward' }, true],
    ['proxy', { verb: 'update', subresource: 'proxy' }, false],
    ['upgrade', { verb: 'get', subresource: 'vnc' }, true],
    ['request', { verb: 'list', subresource: '' }, false],
  ] as const)
    it(`are of the kind ${kind}: ${info.verb} ${info.subresource}${isUpgrade ? ' with an upgrade' : ''}`, () => {
      set({});
      const stream = begin('jane');
      Object.assign(stream.request.record, { info, isUpgrade });
      assert.deepEqual(
        get(`kind=${kind}`).streams.map(each => each['kind']),
        [kind],
      );
    });
});
