import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { type Credential, CredentialError, type CredentialSource } from '../../src/credentials/credential.js';
import {
  createRenewedSource,
  type ObtainedCredential,
  planLifetime,
} from '../../src/credentials/renewed-source.js';
import { ManualClock, unevenTimes } from '../support/manual-clock.js';
import { type RecordedEvents, recordEvents } from './recorded-events.js';

const start = Date.UTC(2030, 0, 1);
const hour = 3_600_000;

/** One request for a credential, which the test answers. */
interface Question {
  readonly signal: AbortSignal;
  give(obtained: ObtainedCredential): void;
  fail(error: Error): void;
}

let clock: ManualClock;
let questions: Question[];
let report: RecordedEvents;
beforeEach(() => {
  clock = new ManualClock(start);
  questions = [];
  report = recordEvents();
});
const sources: CredentialSource[] = [];
afterEach(() => {
  for (const source of sources.splice(0)) source.close();
});

function create(first?: ObtainedCredential): CredentialSource {
  const source = createRenewedSource({
    name: 'oidc',
    first,
    clock,
    events: report.events,
    obtain: signal =>
      new Promise((give, fail) => {
        questions.push({ signal, give, fail });
      }),
  });
  sources.push(source);
  return source;
}

const bearer = (token: string): Credential => ({ authorization: `Bearer ${token}` });
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe('a renewed source', () => {
  it('does and reports nothing before it is first asked', async () => {
    create({ credential: bearer('a'), expiresAt: start + hour });
    create();
    clock.advance(2 * hour);
    assert.equal(clock.pending, 0);
    assert.deepEqual([questions.length, report.expirations.length, report.lines.length], [0, 0, 0]);
  });

  it('returns its first credential, and renews it shortly before it expires', async () => {
    const source = create({ credential: bearer('a'), expiresAt: start + hour });
    assert.equal(source.isLasting, false);
    assert.deepEqual(source.get(), bearer('a'));
    assert.equal(source.isLasting, false);
    assert.deepEqual(report.expirations, [start + hour]);
    clock.advance(hour - 60_000);
    assert.equal(questions.length, 1);
    assert.deepEqual(source.get(), bearer('a'));
    questions[0]?.give({ credential: bearer('b'), expiresAt: start + 2 * hour });
    await settled();
    assert.deepEqual(source.get(), bearer('b'));
    assert.deepEqual(report.expirations, [start + hour, start + 2 * hour]);
    assert.deepEqual(report.refreshes, ['success']);
  });

  it('keeps a credential without a known end forever', async () => {
    const source = create({ credential: bearer('a'), expiresAt: undefined });
    source.get();
    clock.advance(10_000 * hour);
    assert.deepEqual(source.get(), bearer('a'));
    assert.deepEqual(report.expirations, [undefined]);
    assert.equal(clock.pending, 0);
    assert.equal(source.isLasting, true);
  });

  for (const [when, pass] of unevenTimes)
    it(`does not use its credential longer ${when}`, async () => {
      const source = create({ credential: bearer('a'), expiresAt: start + hour });
      source.get();
      pass(clock, hour);
      assert.ok(source.get() instanceof Promise);
      assert.equal(questions.length, 1);
    });

  it('asks once for requests that arrive together, and all get the same credential', async () => {
    const source = create();
    const waiting = [source.get(), source.get()];
    questions[0]?.give({ credential: bearer('a'), expiresAt: start + hour });
    const [one, other] = await Promise.all(waiting);
    assert.deepEqual([one === other, source.get() === one, questions.length], [true, true, 1]);
  });

  it('waits longer after each failure in a row, up to half a minute, and not after a success', async () => {
    const source = create();
    const fail = async () => {
      const failed = assert.rejects(async () => source.get(), /no luck/);
      questions.at(-1)?.fail(new CredentialError('no luck'));
      await failed;
    };
    await fail();
    for (const [count, pause] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000].entries()) {
      clock.advance(pause - 1);
      await assert.rejects(async () => source.get(), /no luck/);
      assert.equal(questions.length, count + 1);
      clock.advance(1);
      await fail();
    }
    clock.advance(30_000);
    const waiting = source.get();
    questions.at(-1)?.give({ credential: bearer('a'), expiresAt: clock.now() });
    await waiting;
    clock.advance(10_000);
    await fail();
    clock.advance(1_000);
    await fail();
    assert.equal(questions.length, 10);
  });

  it('uses a new credential until its end, however near that is, and one that has expired on arrival for 10 s', async () => {
    const source = create();
    for (const [left, used] of [
      [2_000, 2_000],
      [0, 10_000],
    ] as const) {
      const waiting = source.get();
      questions.at(-1)?.give({ credential: bearer(`${left}`), expiresAt: clock.now() + left });
      await waiting;
      clock.advance(used - 1);
      assert.deepEqual(source.get(), bearer(`${left}`));
      clock.advance(1);
      assert.ok(source.get() instanceof Promise);
    }
  });

  it('keeps its credential while the renewal fails, tries again, and gives up when the credential ends', async () => {
    const source = create({ credential: bearer('a'), expiresAt: start + hour });
    source.get();
    clock.advance(hour - 60_000);
    questions[0]?.fail(new CredentialError('no luck'));
    await settled();
    assert.deepEqual(source.get(), bearer('a'));
    clock.advance(1_000);
    questions[1]?.give({ credential: bearer('b'), expiresAt: clock.now() + hour });
    await settled();
    assert.deepEqual([source.get(), report.refreshes], [bearer('b'), ['failure', 'success']]);
    clock.advance(hour - 60_000);
    questions[2]?.fail(new CredentialError('no luck'));
    await settled();
    clock.advance(hour);
    questions[3]?.fail(new CredentialError('no luck'));
    await settled();
    clock.advance(hour);
    assert.deepEqual([clock.pending, questions.length], [0, 4]);
    assert.ok(source.get() instanceof Promise);
    assert.equal(questions.length, 5);
  });

  it('renews a credential that got a 401 once for all its requests, and not again at once', async () => {
    const source = create({ credential: bearer('a'), expiresAt: start + hour });
    const first = source.get() as Credential;
    const renewed = Promise.all([source.refused(first), source.refused(first)]);
    assert.equal(source.get(), first);
    questions[0]?.give({ credential: bearer('b'), expiresAt: start + hour });
    await renewed;
    const second = source.get() as Credential;
    assert.deepEqual(second, bearer('b'));
    for (const credential of [first, second]) await source.refused(credential);
    assert.deepEqual([questions.length, source.get()], [1, second]);
  });

  for (const [when, pass] of unevenTimes)
    it(`renews a credential that gets a 401 again 30 s after the last renewal for that, and no earlier ${when}`, async () => {
      const source = create({ credential: bearer('a'), expiresAt: start + hour });
      const next = async (token: string) => {
        const other = source.refused(source.get() as Credential);
        questions.at(-1)?.give({ credential: bearer(token), expiresAt: clock.now() + hour });
        await other;
        return source.get();
      };
      assert.deepEqual(await next('b'), bearer('b'));
      pass(clock, 29_999);
      assert.deepEqual(await next('c'), bearer('b'));
      clock.advance(1);
      assert.deepEqual(await next('d'), bearer('d'));
      assert.equal(questions.length, 2);
    });

  it('offers nothing new if a credential that got a 401 comes back the same, or cannot be renewed', async () => {
    const source = create({ credential: bearer('a'), expiresAt: start + hour });
    const credential = source.get() as Credential;
    for (const [answer, next] of [
      [(question?: Question) => question?.give({ credential: bearer('a'), expiresAt: start + hour }), 30_000],
      [(question?: Question) => question?.fail(new CredentialError('no luck')), 30_000],
    ] as const) {
      const refused = source.refused(credential);
      answer(questions.at(-1));
      await refused;
      assert.equal(source.get(), credential);
      clock.advance(next);
    }
    assert.deepEqual([questions.length, report.refreshes], [2, ['success', 'failure']]);
  });

  it('does not show the message of a foreign error', async () => {
    const source = create();
    const failed = assert.rejects(
      async () => source.get(),
      (error: CredentialError) => {
        assert.equal(error.message, 'the oidc credential is not available: internal error');
        assert.doesNotMatch(inspect(error, { depth: null, showHidden: true }), /hush/);
        return true;
      },
    );
    questions[0]?.fail(new TypeError('hush'));
    await failed;
    assert.doesNotMatch(inspect(report.lines, { depth: null }), /hush/);
  });
});

describe('a renewed source that is closed', () => {
  it('does not report a credential that comes too late, but returns it to waiting requests', async () => {
    const source = create();
    const waiting = source.get();
    source.close();
    assert.equal(questions[0]?.signal.aborted, true);
    questions[0]?.give({ credential: bearer('a'), expiresAt: start + hour });
    assert.deepEqual(await waiting, bearer('a'));
    assert.deepEqual(report.expirations, [undefined]);
    assert.deepEqual([report.refreshes, report.lines, clock.pending], [[], [], 0]);
  });

  it('stops the renewal of a credential that got a 401, and the credential stays usable', async () => {
    const source = create({ credential: bearer('a'), expiresAt: start + hour });
    const credential = source.get() as Credential;
    const refused = source.refused(credential);
    source.close();
    assert.equal(questions[0]?.signal.aborted, true);
    questions[0]?.fail(new CredentialError('stopped'));
    await refused;
    assert.deepEqual([source.get(), clock.pending, report.refreshes], [credential, 0, []]);
  });

  it('withdraws its reported expiry once, asks for no credential, and does not report its first one', async () => {
    const used = create({ credential: bearer('a'), expiresAt: start + hour });
    used.get();
    used.close();
    used.close();
    const source = create();
    source.close();
    await assert.rejects(async () => source.get(), /no longer in use$/);
    const first = create({ credential: bearer('a'), expiresAt: start + hour });
    first.close();
    assert.deepEqual(first.get(), bearer('a'));
    assert.deepEqual(report.expirations, [start + hour, undefined, undefined, undefined]);
    assert.deepEqual([questions.length, clock.pending], [0, 0]);
  });
});

it('a credential is renewed a minute before its end if it is long, in its last fifth if it is short, and not in the background if it ends within a second or never', () => {
  for (const [endsAfter, renewAfter] of [
    ...[
      [3_600_000, 3_540_000],
      [300_000, 240_000],
      [100_000, 80_000],
      [1_001, 1_000],
    ],
    ...[-5_000, 0, 999, 1_000, Infinity].map(ends => [ends, Infinity]),
  ] as [number, number][])
    assert.deepEqual(planLifetime(endsAfter), { renewAfter, endsAfter });
});
