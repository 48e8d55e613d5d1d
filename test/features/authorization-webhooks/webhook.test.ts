import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AskedReview } from '../../../src/features/authorization-webhooks/review.js';
import { fieldValue } from '../../../src/http/header-fields.js';
import type { Wish } from '../../../src/reviews/authorizer.js';
import { TooManyReviewsError } from '../../../src/reviews/authorizer.js';
import { unevenTimes } from '../../support/manual-clock.js';
import { ToldPhases } from '../../support/told-phases.js';
import { oddAnswers } from './answers.js';
import { condition, FakeWebhook, failure, says, turns, wish } from './fake-webhook.js';

const opinionOn = ({ webhook }: FakeWebhook, asked: Wish = wish()) =>
  webhook.opinionOn(new AskedReview(asked));
/** `deny: REASON`, `error: MESSAGE`, or the opinion. */
async function told(fake: FakeWebhook, asked?: Wish): Promise<string> {
  const opinion = await opinionOn(fake, asked);
  if (typeof opinion === 'string') return opinion;
  return opinion.error === undefined ? `deny: ${opinion.reason}` : `error: ${opinion.error.message}`;
}
const answer = (status: number, text = '', more: object = {}) => ({ status, text, contentType: '', ...more });

describe('a webhook', () => {
  it('allows, denies or has no opinion by the status of its review, as one of the API server', async () => {
    for (const [status, opinion] of [
      [{ allowed: true }, 'allow'],
      [{ allowed: true, reason: 'fine' }, 'allow'],
      [{ allowed: false, denied: true, reason: 'no' }, 'deny: no'],
      [{ denied: true }, 'deny: '],
      [{ allowed: false, reason: 'perhaps' }, 'none'],
      [{}, 'none'],
      [{ allowed: false, evaluationError: 'e' }, 'none'],
      [
        { allowed: true, denied: true },
        'error: webhook subject access review returned both allow and deny response',
      ],
    ] as const) {
      const fake = new FakeWebhook();
      fake.answer = () => says(status);
      assert.equal(await told(fake), opinion);
      assert.equal(await told(fake), opinion, 'from the cache');
      assert.equal(fake.asked.length, 1);
    }
    // A review without a kind is one in the API server.
    const fake = new FakeWebhook();
    fake.answer = () => answer(200, '{"status":{"denied":true,"reason":"r"}}');
    assert.equal(await told(fake), 'deny: r');
  });

  it('has an error if its answer is none, and then follows its failurePolicy', async () => {
    const review = says({ allowed: true }).text;
    for (const [given, message] of [
      [answer(200), /^error: the answer of the webhook is empty$/],
      [
        answer(200, review.replace('/v1', '/v1beta1')),
        /is no SubjectAccessReview of authorization.k8s.io\/v1$/,
      ],
      [answer(200, review.replace('Subject', 'Self')), /is no SubjectAccessReview/],
      [answer(200, '{"status":[]}'), /^error: status in the answer of the webhook has a wrong type$/],
      [answer(200, '{"status":{"allowed":"true"}}'), /^error: status\.allowed in the answer/],
      [answer(200, '{"status":{"denied":1,"allowed":true}}'), /^error: status\.denied in/],
      [answer(200, '{"status":{"allowed":true,"reason":{}}}'), /^error: status\.reason in/],
      [answer(418), /^error: the webhook answered 418$/],
      [answer(403, ' closed \n'), /^error: the webhook answered 403: "closed"$/],
      [failure('ECONNREFUSED'), /ECONNREFUSED/],
      [failure('ETIMEDOUT'), /^error: Post "https:\/\/w": context deadline exceeded$/],
    ] as const) {
      for (const failurePolicy of ['Deny', 'NoOpinion'] as const) {
        const fake = new FakeWebhook({ failurePolicy });
        fake.answer = () => given;
        const opinion = await told(fake);
        if (failurePolicy === 'Deny') assert.match(opinion, message);
        else assert.equal(opinion, 'none');
        const result = given instanceof Error && /TIMEDOUT/.test(given.message) ? 'timeout' : 'error';
        assert.deepEqual(await fake.metric('webhook_evaluations_total'), [`policy ${result} 1`]);
        const open = failurePolicy === 'Deny' ? [] : [`policy ${result} 1`];
        assert.deepEqual(await fake.metric('webhook_evaluations_fail_open_total'), open);
        await told(fake);
        assert.equal(fake.asked.length, 2, 'an error is not kept');
      }
    }
  });

  it('has no other verdict than one of the API server, and denies what that may read in another way', async () => {
    for (const { what, status = 200, headers = [], body, theirs, isRefused } of oddAnswers) {
      for (const failurePolicy of ['Deny', 'NoOpinion'] as const) {
        const fake = new FakeWebhook({ failurePolicy });
        fake.answer = () => ({
          ...{ status, text: String(body) },
          contentType: fieldValue(headers, 'content-type'),
          contentEncoding: fieldValue(headers, 'content-encoding'),
        });
        const opinion = (await told(fake)).replace(/:.*$/s, '');
        const failed = isRefused || failurePolicy === 'Deny' ? 'error' : 'none';
        const expected = { ...{ deny: ['deny'], error: ['error'], fail: [failed], pass: ['allow', 'none'] } }[
          theirs
        ];
        const known = isRefused ? ['error'] : expected;
        assert.ok(known.includes(opinion), `${what}, ${failurePolicy}: ${opinion}`);
        const passed = opinion === 'none' && theirs === 'fail' ? ['policy error 1'] : [];
        assert.deepEqual(await fake.metric('webhook_evaluations_fail_open_total'), passed, what);
      }
    }
    for (const [given, policies] of [
      [failure('UNREADABLE_ANSWER'), ['error', 'error']],
      [failure('ECONNREFUSED'), ['error', 'none']],
      [answer(307, 'elsewhere'), ['error', 'error']],
    ] as const) {
      for (const [at, failurePolicy] of (['Deny', 'NoOpinion'] as const).entries()) {
        const fake = new FakeWebhook({ failurePolicy });
        fake.answer = () => given;
        assert.equal((await told(fake)).replace(/:.*$/s, ''), policies[at]);
      }
    }
  });

  it('is asked up to five times, with the pauses of the API server, if it may recover', async () => {
    for (const [given, calls] of [
      [answer(500, 'broken'), 5],
      [answer(502), 5],
      [answer(504), 5],
      [answer(429), 5],
      [answer(503, '', { retryAfter: '1' }), 5],
      [failure('ECONNRESET'), 5],
      [answer(503), 1],
      [answer(418, '', { retryAfter: '1' }), 1],
    ] as const) {
      const fake = new FakeWebhook();
      const at: number[] = [];
      fake.answer = () => {
        at.push(fake.clock.monotonic());
        return given;
      };
      const opinion = told(fake);
      for (let passed = 0; passed < 9_900; passed += 25) await fake.pass(25);
      assert.match(await opinion, /^error: /);
      assert.equal(at.length, calls, JSON.stringify(given));
      const pauses = at.slice(1).map((time, index) => time - (at[index] as number));
      const shortest = 'retryAfter' in given ? [1_000, 1_000, 1_125, 1_687] : [500, 750, 1_125, 1_687];
      for (const [index, pause] of pauses.entries()) {
        const least = shortest[index] as number;
        assert.ok(pause >= least && pause <= least * 1.2 + 25, `${pause} ms after ${least}`);
      }
    }
  });

  it('is asked again only within its timeout, and what is left of that is for the next call', async () => {
    const fake = new FakeWebhook({ timeout: 1_000 });
    fake.answer = async () => answer(500, 'broken');
    const opinion = told(fake);
    await fake.pass(650);
    await fake.pass(500);
    assert.equal(await opinion, 'error: the webhook answered 500: "broken"');
    assert.equal(fake.asked.length, 2);
    assert.equal(fake.timeouts[0], 1_000);
    assert.ok((fake.timeouts[1] as number) <= 500);
  });

  it('is asked once for equal questions at the same time, and again for any other', async () => {
    const fake = new FakeWebhook();
    let release = (): void => {};
    fake.answer = () => new Promise(resolve => (release = () => resolve(says({ allowed: true }))));
    const phases = new ToldPhases();
    const both = [told(fake, { ...wish(), phases }), told(fake, { ...wish(), phases })];
    await turns();
    release();
    assert.deepEqual(await Promise.all(both), ['allow', 'allow']);
    assert.equal(fake.asked.length, 1);
    phases.assertOneForTwo('webhook');
  });
});

describe('the outage of a webhook', () => {
  const at = (clock: { now(): number }) => new Date(clock.now()).toISOString();

  it('is told from its first failure to its next answer, with what follows by its failurePolicy', async () => {
    for (const [failurePolicy, given, consequence] of [
      ['Deny', failure('ECONNREFUSED'), 'is denied (failurePolicy Deny)'],
      ['Deny', failure('ETIMEDOUT'), 'is denied (failurePolicy Deny)'],
      ['NoOpinion', answer(403, 'secret'), 'goes on without it (failurePolicy NoOpinion)'],
      [
        'NoOpinion',
        answer(200, 'garbage'),
        'is denied, although failurePolicy is NoOpinion: its answers are not clear',
      ],
    ] as const) {
      const fake = new FakeWebhook({ failurePolicy, cacheAuthorized: false });
      assert.equal(await told(fake), 'allow');
      assert.equal(fake.webhook.warning, undefined);
      fake.answer = () => given;
      fake.clock.advance(5_000);
      const since = at(fake.clock);
      const follows = `, and what it is asked about ${consequence}`;
      for (let count = 0; count < 3; count++) {
        await told(fake);
        assert.equal(fake.webhook.warning, `the authorization webhook policy fails since ${since}${follows}`);
        fake.clock.advance(1_000);
      }
      const [[fields, message] = [], ...others] = fake.log;
      assert.equal(message, `an authorization webhook fails${follows}`);
      const { webhook, reason } = fields as { webhook: string; reason: string };
      assert.deepEqual([webhook, reason === '', others], ['policy', false, []]);
      fake.answer = () => says({ allowed: true });
      await told(fake);
      assert.equal(fake.webhook.warning, undefined);
    }
  });

  it('begins again with each failure behind an answer, and is in the log at most once a minute', async () => {
    const fake = new FakeWebhook({ cacheAuthorized: false });
    for (let count = 1; count <= 61; count++) {
      fake.answer = () => failure('ECONNREFUSED');
      await told(fake);
      assert.match(fake.webhook.warning ?? '', new RegExp(at(fake.clock)));
      fake.answer = () => says({ allowed: true });
      await told(fake);
      assert.equal(fake.log.length, count === 61 ? 2 : 1);
      fake.clock.advance(1_000);
    }
  });

  it('is none if a match condition has no result: the webhook was not asked', async () => {
    const fake = new FakeWebhook({ matchConditions: [condition(new Error('no such key: a'))] });
    await told(fake);
    assert.deepEqual([fake.webhook.warning, fake.log], [undefined, []]);
  });
});

describe('the match conditions of a webhook', () => {
  const broken = new Error('no such key: a');

  it('all have to be true; an error follows failurePolicy, unless another one is false', async () => {
    for (const [results, failurePolicy, opinion, exclusions, errors] of [
      [[true, true], 'Deny', 'deny: no', 0, 0],
      [[true, false], 'Deny', 'none', 1, 0],
      [[broken, false], 'Deny', 'none', 1, 1],
      [[false, broken], 'Deny', 'none', 1, 0],
      [
        [broken, true, broken],
        'Deny',
        "error: cel evaluation error: expression 'Error: no such key: a' resulted in error: no such key: a",
        0,
        1,
      ],
      [[broken, true], 'NoOpinion', 'none', 0, 1],
    ] as const) {
      const fake = new FakeWebhook({ failurePolicy, matchConditions: results.map(condition) });
      fake.answer = () => says({ denied: true, reason: 'no' });
      assert.equal(await told(fake), opinion);
      assert.equal(fake.asked.length, opinion.startsWith('deny') ? 1 : 0);
      const counted = (count: number) => (count === 0 ? [] : [`Webhook policy ${count}`]);
      assert.deepEqual(await fake.metric('match_condition_exclusions_total'), counted(exclusions));
      assert.deepEqual(await fake.metric('match_condition_evaluation_errors_total'), counted(errors));
    }
  });

  it('are evaluated once for equal questions, and each exclusion is counted', async () => {
    let times = 0;
    const matches = () => {
      times += 1;
      return false;
    };
    const fake = new FakeWebhook({ matchConditions: [{ expression: '', matches }] });
    for (const asked of [wish(), wish(), wish({ verb: 'get' })])
      assert.equal(await told(fake, asked), 'none');
    fake.clock.advance(86_400_000);
    assert.equal(await told(fake), 'none');
    assert.equal(times, 2);
    assert.deepEqual(await fake.metric('match_condition_exclusions_total'), ['Webhook policy 4']);
  });
});

describe('the verdicts that are kept of a webhook', () => {
  const other = { extra: new Map([['a', ['b']]]) };

  it('count for the same user, wish and cluster alone', async () => {
    const base = wish();
    const { user } = base;
    const others: readonly Wish[] = [
      wish({ verb: 'get' }),
      wish({ namespace: 'a' }),
      wish({ name: 'a' }),
      wish({ subresource: 'a' }),
      wish({ labelSelector: { rawSelector: 'a' } }),
      wish({ fieldSelector: { rawSelector: 'a=b' } }),
      wish({ labelSelector: { rawSelector: 'a=b' } }),
      { ...base, cluster: 'prod' },
      { ...base, attributes: { nonResourceAttributes: { verb: 'list', path: '/pods' } } },
      ...[
        { username: 'jan' },
        { uid: '1' },
        { groups: [] },
        { groups: ['a', 'b'] },
        { groups: ['a,b'] },
        other,
      ].map(change => ({ ...base, user: { ...user, ...change } })),
      // Texts that would be equal side by side.
      wish({ namespace: 'a', name: 'b' }),
      wish({ namespace: 'a","name":"b' }),
      wish({ namespace: 'a', name: 'b","subresource":"c' }),
    ];
    const fake = new FakeWebhook();
    for (const times of [1, 2]) {
      for (const asked of [base, ...others]) await told(fake, asked);
      assert.equal(fake.asked.length, others.length + 1, `${times}`);
    }
    await told(fake, { ...base, user: { ...user } });
    assert.equal(fake.asked.length, others.length + 1, 'the same user in another object');
    const counts = await fake.metric('webhook_cache_requests_total');
    assert.deepEqual(counts, [`policy hit ${others.length + 2}`, `policy miss ${others.length + 1}`]);
  });

  for (const [when, pass] of [
    ['', (clock, time) => clock.advance(time)],
    ...unevenTimes,
  ] as typeof unevenTimes) {
    it(`count for authorizedTTL if they allow, and otherwise for unauthorizedTTL ${when}`, async () => {
      for (const [status, lifetime] of [
        [{ allowed: true }, 300_000],
        [{ allowed: true, denied: true }, 300_000],
        [{ denied: true }, 30_000],
        [{}, 30_000],
      ] as const) {
        const fake = new FakeWebhook();
        fake.answer = () => says(status);
        for (const [time, asked] of [
          [0, 1],
          [lifetime - 1, 1],
          [1, 2],
        ] as const) {
          pass(fake.clock, time);
          await told(fake);
          assert.equal(fake.asked.length, asked, `${JSON.stringify(status)} after ${time} ms`);
        }
      }
    });
  }

  it('are none if the file says so, or of attributes above 10 KB, selectors included', async () => {
    const rawSelector = `a in (${'b,'.repeat(5_000)}b)`;
    for (const [configuration, status, asked] of [
      [{ cacheAuthorized: false }, { allowed: true }, wish()],
      [{ cacheUnauthorized: false }, {}, wish()],
      [{ authorizedTtl: 0 }, { allowed: true }, wish()],
      [{}, { allowed: true }, wish({ labelSelector: { rawSelector } })],
    ] as const) {
      const fake = new FakeWebhook(configuration);
      fake.answer = () => says(status);
      await told(fake, asked);
      await told(fake, asked);
      assert.equal(fake.asked.length, 2);
    }
  });

  it('take 16 MB at most, and those that were used longest ago make room', async () => {
    const fake = new FakeWebhook();
    const named = (index: number) => wish({ name: `${index}-${'x'.repeat(9_000)}` });
    const count = 1_000;
    for (let index = 0; index < count; index++) {
      await told(fake, named(index));
      await told(fake, named(0));
    }
    assert.equal(fake.asked.length, count, 'the one that is used stays');
    const isKept = async (index: number) => {
      const before = fake.asked.length;
      await told(fake, named(index));
      return fake.asked.length === before;
    };
    assert.equal(await isKept(count - 1), true);
    assert.equal(await isKept(1), false);
    const fitting = Math.floor((16 * 1024 * 1024) / 18_700);
    assert.equal(await isKept(count - fitting + 30), true);
    assert.equal(await isKept(count - fitting - 30), false);
  });

  it('have a reason of 10,000 characters at most', async () => {
    const fake = new FakeWebhook();
    fake.answer = () => says({ denied: true, reason: 'x'.repeat(1_000_000) });
    assert.equal((await told(fake)).length, 'deny: '.length + 10_000);
  });
});

describe('the questions for a webhook', () => {
  const many = (fake: FakeWebhook, user: string, count: number) =>
    Array.from({ length: count }, (_, index) => {
      const answered = told(fake, wish({ name: `${index}` }, user));
      return answered.catch((error: Error) => (error instanceof TooManyReviewsError ? 'busy' : `${error}`));
    });
  const hanging = (timeout: number) => {
    const fake = new FakeWebhook({ timeout, failurePolicy: 'NoOpinion' });
    fake.answer = async () => {
      const { length } = fake.timeouts;
      await new Promise<void>(resolve => fake.clock.schedule(fake.timeouts[length - 1] as number, resolve));
      return failure('ETIMEDOUT');
    };
    return fake;
  };

  it('are 200 at a time, and a user without one does not wait behind a user with many', async () => {
    const fake = new FakeWebhook();
    const waiting: (() => void)[] = [];
    fake.answer = () => new Promise(resolve => waiting.push(() => resolve(says({ allowed: true }))));
    const first = many(fake, 'mallory', 300);
    const second = many(fake, 'jane', 1);
    await turns();
    assert.ok(fake.asked.some(({ user }) => user === 'jane'));
    const others = Array.from({ length: 400 }, (_, index) => many(fake, `user-${index}`, 1)).flat();
    await turns();
    assert.ok(fake.asked.length <= 200 && fake.asked.length > 190, String(fake.asked.length));
    for (let at = 0; at < 701; at++) {
      waiting[at]?.();
      await turns();
      assert.ok(fake.asked.length - at - 1 <= 200);
    }
    const all = await Promise.all([...first, ...second, ...others]);
    assert.ok(all.every(opinion => opinion === 'allow'));
  });

  it('each take the timeout of a webhook that hangs, also those that wait, and follow failurePolicy then', async () => {
    const fake = hanging(3_000);
    const all = many(fake, 'jane', 500);
    await fake.pass(2_999);
    await fake.pass(1);
    assert.ok((await Promise.all(all)).every(opinion => opinion === 'none'));
    assert.equal(fake.asked.length <= 200, true);
    const before = fake.asked.length;
    const later = many(fake, 'jane', 50);
    await fake.pass(3_000);
    await Promise.all(later);
    assert.equal(fake.asked.length, before + 50, 'those that waited have no slot any more');
  });

  it('of a user who asks more than a webhook answers in time do not pass by its failurePolicy', async () => {
    const fake = new FakeWebhook({ timeout: 3_000, failurePolicy: 'NoOpinion' });
    fake.answer = async () => {
      await new Promise<void>(resolve => fake.clock.schedule(1_600, resolve));
      return says({ denied: true });
    };
    const all = many(fake, 'jane', 500);
    const beyond = many(fake, 'jane', 700).slice(500);
    for (let passed = 0; passed < 6_000; passed += 100) await fake.pass(100);
    const opinions = new Set(await Promise.all([...all, ...beyond]));
    assert.deepEqual([...opinions].sort(), ['busy', 'deny: ']);
    assert.equal(fake.clock.pending, 0);
  });

  it('that have waited and get an error have that error, and are not too many', async () => {
    const fake = new FakeWebhook({ failurePolicy: 'NoOpinion' });
    fake.answer = async () => {
      const isFirst = fake.asked.length <= 200;
      await turns();
      return isFirst ? says({ allowed: true }) : answer(404);
    };
    assert.deepEqual(new Set(await Promise.all(many(fake, 'jane', 300))), new Set(['allow', 'none']));
  });
});
