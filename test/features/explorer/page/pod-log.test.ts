import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { LogSearch } from '../../../../src/features/explorer/page/live/log-search.js';
import { type LogLine, PodLog } from '../../../../src/features/explorer/page/live/pod-log.js';
import { until } from '../../../support/eventually.js';
import { resourceOf } from './recorded-index.js';
import { pageWith } from './scripted-page.js';

const pod = { resource: resourceOf('', 'pods'), namespace: 'a', name: 'one' };

describe('the log of a Pod', () => {
  const lines = [
    '2024-01-02T03:04:05.1Z one',
    '2024-01-02T03:04:05.2Z',
    'no time',
    '2024-01-02T03:04:05.3Z  two',
  ];

  it('has the times and texts of its lines, and ends if it is not followed', async t => {
    const { source, sent, run } = pageWith(t, 'h2', [
      [...lines, '20x4-01-02T03:04:05.3Z z', '2024-0y-02T03:04:05Z z'],
    ]);
    const log = new PodLog(source, pod, { container: 'c' });
    await run(log, () => 0);
    assert.deepEqual(log.state, { kind: 'ended' });
    assert.deepEqual(
      log.lines.map(({ id, time, text }) => `${id} ${time.slice(17)}: ${text}`),
      [
        ...['0 05.1Z: one', '1 05.2Z: ', '2 : no time', '3 05.3Z:  two', '4 : 20x4-01-02T03:04:05.3Z z'],
        '5 : 2024-0y-02T03:04:05Z z',
      ],
    );
    assert.deepEqual(sent, ['pods/one/log?container=c&tailLines=500&timestamps=true']);
  });

  it('goes on after its last line if it is followed', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { source, sent, run } = pageWith(t, 'h2', [
      lines,
      [...lines.slice(1), '2024-01-02T03:04:05.4Z three'],
      [],
    ]);
    const log = new PodLog(source, pod, { follow: true });
    const { wait } = source.page;
    // The lines are drawn while the model waits for its next attempt.
    Object.assign(source.page, {
      wait(milliseconds: number, signal: AbortSignal) {
        t.mock.timers.tick(100);
        return wait(milliseconds, signal);
      },
    });
    await run(log, () => 0);
    assert.deepEqual(
      log.lines.map(({ text }) => text),
      ['one', '', 'no time', ' two', 'no time', 'three'],
    );
    const follow = 'follow=true&timestamps=true';
    assert.deepEqual(sent.slice(0, 2), [
      `pods/one/log?tailLines=500&${follow}`,
      `pods/one/log?sinceTime=2024-01-02T03:04:05Z&${follow}`,
    ]);
  });

  /** Runs a log with a draw after each attempt, as if the pauses between them were long. */
  function drawnBetween({ source }: ReturnType<typeof pageWith>, t: TestContext): void {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000 });
    const { wait } = source.page;
    Object.assign(source.page, {
      wait(milliseconds: number, signal: AbortSignal) {
        t.mock.timers.tick(100);
        return wait(milliseconds, signal);
      },
    });
  }

  it('keeps 100,000 lines, and says how many it has dropped', async t => {
    const time = '2024-01-02T03:04:05.1Z';
    const many = Array.from({ length: 100_007 }, (_, at) => `${time} ${at}`);
    const { source, run } = pageWith(t, 'h2', [many]);
    const log = new PodLog(source, pod, {});
    await run(log, () => 0);
    assert.deepEqual([log.lines.length, log.dropped, log.longest], [100_000, 7, 6]);
    assert.deepEqual([log.lines[0]?.text, log.lines[0]?.id, log.lines.at(-1)?.id], ['7', 7, 100_006]);
  });

  it('keeps 32 MiB, counted as bytes of UTF-8, and goes on counting after it has dropped lines', async t => {
    // Three bytes each.
    const line = '€'.repeat(16_000);
    const fitting = Math.floor((32 * 1024 * 1024) / 48_000);
    const many = (count: number) => Array.from({ length: count }, () => line);
    const page = pageWith(t, 'h2', [many(fitting), many(2), many(1)]);
    drawnBetween(page, t);
    const log = new PodLog(page.source, pod, { follow: true });
    const seen = await page.run(log, () => `${log.lines.length} ${log.dropped}`);
    assert.deepEqual(
      [...new Set(seen)].filter(state => state !== '0 0'),
      [`${fitting} 0`, `${fitting} 2`, `${fitting} 3`],
    );
  });

  it('has the parts of a long line as lines, and its last line although it has no line break', async t => {
    const long = `${'x'.repeat(16_384)}y${'z'.repeat(20_000)}`;
    const { source, run } = pageWith(t, 'h2', [[`2024-01-02T03:04:05.1Z ${long}`, 'next']]);
    const log = new PodLog(source, pod, {});
    await run(log, () => 0);
    assert.deepEqual(
      log.lines.map(({ isRest, text }) => `${isRest} ${text.length}`),
      ['false 16361', 'true 16384', 'true 3640', 'false 4'],
    );
    assert.equal(
      log.lines
        .slice(0, 3)
        .map(({ text }) => text)
        .join(''),
      long,
    );
    t.mock.restoreAll();
    const cut = pageWith(t, 'h2', []);
    t.mock.method(globalThis, 'fetch', async () => new Response('one\ntwo'));
    const other = new PodLog(cut.source, pod, {});
    await cut.run(other, () => 0);
    assert.deepEqual(
      other.lines.map(({ text }) => text),
      ['one', 'two'],
    );
  });

  it('skips all parts of a line that comes again', async t => {
    const long = `2024-01-02T03:04:05.1Z ${'x'.repeat(40_000)}`;
    const page = pageWith(t, 'h2', [[long], [long, '2024-01-02T03:04:05.2Z new'], []]);
    drawnBetween(page, t);
    const log = new PodLog(page.source, pod, { follow: true });
    await page.run(log, () => 0);
    assert.deepEqual(
      log.lines.map(({ text }) => text.slice(0, 3)),
      ['xxx', 'xxx', 'xxx', 'new'],
    );
  });

  it('skips a line that came shortly before the stream was cut, and was not drawn', async t => {
    const line = '2024-01-02T03:04:05.1Z one';
    const { source, run } = pageWith(t, 'h2', [[line], [line], [line, '2024-01-02T03:04:06Z two'], []]);
    const log = new PodLog(source, pod, { follow: true });
    await run(log, () => 0);
    // The model is closed, and draws once more.
    await until(() => log.lines.length > 0);
    assert.deepEqual(
      log.lines.map(({ text }) => text),
      ['one', 'two'],
    );
  });

  it('has a mark at the first line after a stop of the stream: why and when it stopped', async t => {
    const at = (second: number) => `2024-01-02T03:04:${String(second).padStart(2, '0')}Z ${second}`;
    const page = pageWith(t, 'h2', [[at(1), at(2)], [], [at(3)], 503, 503, [at(4), at(5)], []]);
    drawnBetween(page, t);
    const log = new PodLog(page.source, pod, { follow: true });
    await page.run(log, () => 0);
    assert.deepEqual(
      log.lines.map(({ text, pause }) => (pause === undefined ? text : `${text} ${pause.kind} ${pause.at}`)),
      ['1', '2', '3 live 1000', '4 away 1200', '5'],
    );
  });

  it('has a mark where the window was hidden', async t => {
    const page = pageWith(t, 'h2', [['2024-01-02T03:04:05Z one'], 200, ['2024-01-02T03:04:06Z two'], []]);
    drawnBetween(page, t);
    let attempts = 0;
    const onHidden = (callback: () => void) => {
      attempts += 1;
      if (attempts === 2) callback();
    };
    Object.assign(page.source.page, { onHidden });
    const log = new PodLog(page.source, pod, { follow: true });
    await page.run(log, () => 0);
    assert.deepEqual(
      log.lines.map(({ text, pause }) => `${text} ${pause?.kind}`),
      ['one undefined', 'two paused'],
    );
  });
});

describe('a search in a log', () => {
  const line = (id: number, text: string): LogLine => {
    return { id, text, time: '', isRest: false, size: 0, pause: undefined };
  };
  const found = (search: LogSearch, lines: readonly LogLine[]) => search.in(lines).map(({ id }) => id);

  it('finds a text in any case, with the characters of an expression as they are', () => {
    const lines = ['An ERROR', 'error.', 'errors', '[a]', 'x'.repeat(100)].map((text, id) => line(id, text));
    assert.deepEqual(found(new LogSearch('error'), lines), [0, 1, 2]);
    assert.deepEqual(found(new LogSearch('error.'), lines), [1]);
    assert.deepEqual(found(new LogSearch('[A]'), lines), [3]);
    assert.deepEqual(found(new LogSearch('(x+x+)+y'), lines), []);
    assert.deepEqual(found(new LogSearch(''), lines), []);
    assert.deepEqual(found(new LogSearch('x'), []), []);
  });

  it('goes on with new lines, forgets those that were dropped, and reads each one once', () => {
    const search = new LogSearch('a');
    let read = 0;
    const lines = ['a', 'b', 'a', 'b', 'a'].map((text, id) =>
      Object.defineProperty(line(id, ''), 'text', {
        get() {
          read += 1;
          return text;
        },
      }),
    );
    assert.deepEqual(found(search, lines.slice(0, 2)), [0]);
    assert.deepEqual(found(search, lines.slice(0, 3)), [0, 2]);
    assert.deepEqual(found(search, lines.slice(1)), [2, 4]);
    assert.deepEqual(found(search, lines.slice(3)), [4]);
    assert.equal(read, 5);
    // All that it has read may be gone.
    assert.deepEqual(found(search, [line(9, 'a')]), [9]);
  });
});
