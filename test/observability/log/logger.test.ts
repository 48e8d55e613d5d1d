import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger, droppedLines, flushSync, type Logger } from '../../../src/observability/log/logger.js';
import { eventually, patience } from '../../support/eventually.js';
import { makeFifo } from '../../support/fifo.js';
import { scriptArguments } from '../../support/project.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

type Way = 'end' | 'exit' | 'throw' | 'flush';

const writer = scriptArguments('support/proxy/log-writer');

interface Line {
  readonly level: number;
  readonly number: number;
  readonly text: string;
  readonly msg: string;
}

/** A logger that writes to a file, and a function that reads the file's lines. */
async function createFileLogger(t: TestContext): Promise<{ logger: Logger; lines: () => Promise<Line[]> }> {
  const folder = temporaryFolder();
  const file = join(folder, 'log');
  const fd = openSync(file, 'a');
  const logger = createLogger({ level: 'trace', format: 'json', fd });
  t.after(async () => {
    await flush(logger);
    closeSync(fd);
  });
  return { logger, lines: async () => linesOf(await readFile(file, 'utf8')) };
}

function linesOf(text: string): Line[] {
  if (text === '') return [];
  assert.ok(text.endsWith('\n'), 'the last line is whole');
  return text
    .slice(0, -1)
    .split('\n')
    .map(line => JSON.parse(line) as Line);
}

function assertInOrder(lines: readonly Line[], count: number): void {
  assert.equal(lines.length, count);
  for (const [index, { number }] of lines.entries()) assert.equal(number, index);
}

function flush(logger: Logger): Promise<void> {
  return new Promise(resolve => logger.flush(() => resolve()));
}

/** The program's exit code and its output on stderr, which is read after a delay in milliseconds. */
async function runWriter(
  count: number,
  size: number,
  way: Way,
  { readAfter = 0 }: { readonly readAfter?: number } = {},
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const args = [...writer, String(count), String(size), way];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = new Promise<number | null>(resolve => child.once('close', resolve));
  let stderr = '';
  await sleep(readAfter);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return { code: await closed, stderr };
}

describe('the log', () => {
  it('has all its lines in order, even many lines and lines longer than a batch', async t => {
    const { logger, lines } = await createFileLogger(t);
    const sizes = [1, 50_000, 43_000, 44_000, 131_000, 400_000, 0, 131_072, 20, 2_000_000, 5];
    const texts = Array.from({ length: 280 }, (_, number) => {
      const character = ['x', 'é', '€', '𝄞', '"', '\n', '\0'][number % 7] as string;
      return character.repeat(sizes[number % 40] ?? number);
    });
    for (const [number, text] of texts.entries()) {
      logger.info({ number, text }, 'line');
      // Not more than may wait.
      if (number % 20 === 19) await flush(logger);
    }
    const written = await lines();
    assertInOrder(written, texts.length);
    for (const [index, { text }] of written.entries())
      assert.ok(text === texts[index], `the text of ${index}`);
  });

  it('has a line shortly after it was written, without a flush', async t => {
    const { logger, lines } = await createFileLogger(t);
    for (let number = 0; number < 3; number++) {
      logger.info({ number }, 'line');
      await eventually('the line', async () => (await lines()).length > number);
    }
    assertInOrder(await lines(), 3);
  });

  it('has all lines after a flush, even after a second one with nothing to write', async t => {
    const { logger, lines } = await createFileLogger(t);
    await flush(logger);
    for (let number = 0; number < 10; number++) {
      logger.info({ number }, 'line');
      await flush(logger);
      assert.equal((await lines()).length, number + 1);
    }
    await flush(logger);
    logger.info({ number: 10 }, 'line');
    flushSync(logger);
    flushSync(logger);
    assertInOrder(await lines(), 11);
  });

  it('describes an error only by its type, message, code and causes', async t => {
    const { logger, lines } = await createFileLogger(t);
    const cause = Object.assign(new Error('inner'), {
      code: 'ECONNRESET',
      headers: { authorization: 'secret' },
    });
    logger.warn({ err: Object.assign(new Error('outer', { cause }), { config: 'secret' }) }, 'failed');
    await flush(logger);
    const [line] = (await lines()) as unknown as { err: unknown }[];
    assert.deepEqual(line?.err, {
      type: 'Error',
      message: 'outer',
      cause: { type: 'Error', message: 'inner', code: 'ECONNRESET' },
    });
  });
});

/** A logger that writes to a pipe, and the program at its other end, which reads nothing until it gets SIGCONT. */
function createStoppedPipe(t: TestContext, format: 'json' | 'pretty' = 'json') {
  const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  child.kill('SIGSTOP');
  let received = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  // A write to this end never blocks: it fails with EAGAIN while the pipe is full.
  const { fd } = (child.stdin as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const logger = createLogger({ level: 'trace', format, fd });
  return {
    logger,
    read: () => child.kill('SIGCONT'),
    /** All that was read. */
    async end(): Promise<string> {
      child.stdin.end();
      await new Promise(resolve => child.once('close', resolve));
      return received;
    },
  };
}

it('a log with a slow reader waits for the reader without blocking other work, and loses nothing', async t => {
  const { logger, read, end } = createStoppedPipe(t);
  const count = 2_000;
  for (let number = 0; number < count; number++) logger.info({ number, text: 'x'.repeat(2_000) }, 'line');
  let turns = 0;
  const ticking = setInterval(() => turns++, 10);
  t.after(() => clearInterval(ticking));
  let isFlushed = false;
  const flushed = flush(logger).then(() => {
    isFlushed = true;
  });
  await eventually('everything else goes on', () => turns > 10);
  assert.equal(isFlushed, false);
  read();
  await flushed;
  assertInOrder(linesOf(await end()), count);
  assert.equal(droppedLines(logger), 0);
});

it('a log that nobody reads keeps 16 MB, drops and counts further lines, and says how many are missing', async t => {
  const { logger, read, end } = createStoppedPipe(t);
  const write = (number: number): void => logger.info({ number, text: 'x'.repeat(200_000) }, 'line');
  for (let number = 0; number < 100; number++) write(number);
  const dropped = droppedLines(logger);
  // 16 MB have room for 83 lines.
  assert.equal(dropped, 17);
  read();
  await flush(logger);
  write(100);
  await flush(logger);
  const lines = linesOf(await end());
  const last = lines.slice(-2) as unknown as Record<string, unknown>[];
  assert.deepEqual(
    last.map(({ level, lines, number, msg }) => [level, lines ?? number, msg]),
    [
      [40, dropped, 'lines of the log are missing, because nobody read it'],
      [30, 100, 'line'],
    ],
  );
  assertInOrder(lines.slice(0, -2), 100 - dropped);
  assert.equal(droppedLines(logger), dropped);
});

it('a pretty log that nobody reads does the same', async t => {
  const { logger, read, end } = createStoppedPipe(t, 'pretty');
  for (let number = 0; number < 100; number++) logger.info({ text: 'x'.repeat(200_000) }, 'line');
  assert.equal(droppedLines(logger), 17);
  read();
  await flush(logger);
  logger.info('the last line');
  await flush(logger);
  const lines = (await end()).split('\n');
  assert.equal(lines.length, 83 + 3);
  assert.match(
    lines.at(-3) as string,
    /\] WARN: lines of the log are missing, because nobody read it lines=17$/,
  );
  assert.match(lines.at(-2) as string, /\] INFO: the last line$/);
});

describe('a program that exits', { concurrency: 3 }, () => {
  for (const [way, expected] of [
    ['end', 0],
    ['exit', 3],
    ['throw', 1],
    ['flush', 3],
  ] as const) {
    it(`loses no line (${way})`, async () => {
      const { code, stderr } = await runWriter(200, 100, way);
      // Node prints the uncaught error before or after the lines.
      const lines = stderr.split('\n').filter(line => line.startsWith('{"'));
      assertInOrder(linesOf(lines.map(line => `${line}\n`).join('')), 200);
      assert.equal(code, expected);
      assert.equal(stderr.includes('nobody catches this'), way === 'throw');
    });
  }

  for (const way of ['end', 'flush'] as const) {
    it(`waits for a slow reader, and loses nothing that a pipe has no room for (${way})`, async () => {
      const { stderr } = await runWriter(100, 2_000, way, { readAfter: 300 });
      assertInOrder(linesOf(stderr), 100);
    });
  }

  for (const way of ['exit', 'throw', 'flush'] as const) {
    it(`does not wait for ever for a full pipe that nobody reads (${way})`, {
      timeout: patience,
    }, async t => {
      const pipe = openSync(makeFifo(), 'r+');
      t.after(() => closeSync(pipe));
      // More than the pipe has room for.
      const child = spawn(process.execPath, [...writer, '1000', '2000', way], {
        stdio: ['ignore', 'ignore', pipe],
      });
      t.after(() => child.kill('SIGKILL'));
      const [code] = (await once(child, 'exit')) as [number];
      assert.equal(code, way === 'throw' ? 1 : 3);
    });
  }
});
