import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import pino from 'pino';
import { ExpiryWarnings } from '../../src/observability/expiry-warning.js';

const start = Date.UTC(2030, 0, 1);
const hour = 3_600_000;
const day = 24 * hour;

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly notAfter: string;
  readonly daysLeft: number;
}

function create(t: TestContext) {
  const lines: Line[] = [];
  const logger = pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  let now = start;
  const warnings = new ExpiryWarnings(logger, () => now);
  t.after(() => warnings.close());
  return {
    warning: {
      watch: (notAfter: Date | undefined) => warnings.watch('the client certificate', notAfter),
      start: () => warnings.start(),
      close: () => warnings.close(),
    },
    lines,
    messages: () => lines.map(({ msg, daysLeft }) => `${msg} ${daysLeft}`),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

const expiring = (left: number): Date => new Date(start + left);
const soon = 'the client certificate expires soon';

describe('the warning of an expiring client certificate', () => {
  it('names the time and the remaining days, below a week', t => {
    const { warning, lines } = create(t);
    warning.start();
    warning.watch(undefined);
    warning.watch(expiring(7 * day));
    assert.deepEqual(lines, []);
    warning.watch(expiring(7 * day - 1));
    assert.deepEqual(
      lines.map(({ level, msg, notAfter, daysLeft }) => ({ level, msg, notAfter, daysLeft })),
      [{ level: 40, msg: soon, notAfter: '2030-01-07T23:59:59.999Z', daysLeft: 6 }],
    );
  });

  it('is logged again for another certificate, and not for the same one read again', t => {
    const { warning, messages } = create(t);
    warning.start();
    warning.watch(expiring(2 * day));
    warning.watch(expiring(2 * day));
    warning.watch(expiring(30 * day));
    warning.watch(expiring(3 * day));
    assert.deepEqual(messages(), [`${soon} 2`, `${soon} 3`]);
  });

  it('waits for the start', t => {
    const { warning, messages } = create(t);
    warning.watch(expiring(hour));
    assert.deepEqual(messages(), []);
    warning.start();
    warning.watch(expiring(-hour));
    assert.deepEqual(messages(), [`${soon} 0`, 'the client certificate has expired -1']);
  });

  it('is repeated once a day, from a week before the end until it is closed', t => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const { warning, messages, pass } = create(t);
    warning.watch(expiring(8.5 * day));
    warning.start();
    for (let days = 0; days < 10; days += 1) {
      pass(day);
      t.mock.timers.tick(day);
    }
    assert.deepEqual(messages(), [
      ...[6, 5, 4, 3, 2, 1, 0].map(left => `${soon} ${left}`),
      ...[-1, -2].map(left => `the client certificate has expired ${left}`),
    ]);
    warning.close();
    t.mock.timers.tick(day);
    assert.equal(messages().length, 9);
  });
});
