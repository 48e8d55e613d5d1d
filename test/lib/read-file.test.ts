import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { afterEach, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type FileWatch, watchFiles } from '../../src/lib/file-watch.js';
import { readRegular, readWhole } from '../../src/lib/read-file.js';
import { until } from '../support/eventually.js';
import { freshPath, makeFifo, replaceFile } from '../support/replaced-file.js';

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const part of closing.splice(0)) part.close();
});

/** A shell that writes to a path; if that is a FIFO, the shell waits for a reader. */
function shell(command: string): void {
  const child = spawn('sh', ['-c', command], { stdio: 'ignore' });
  closing.push({ close: () => void child.kill() });
}

const code = (expected: string) => (error: NodeJS.ErrnoException) => error.code === expected;

describe('a file that is read as a whole', () => {
  it('may be a regular file, a device with an end, or a pipe whose writer starts late and pauses', async () => {
    const regular = freshPath();
    await writeFile(regular, 'content');
    assert.equal((await readWhole(regular)).toString(), 'content');
    assert.equal((await readWhole('/dev/null')).length, 0);
    const fifo = makeFifo();
    shell(`sleep 0.1; { printf one; sleep 0.1; printf two; } > ${fifo}`);
    assert.equal((await readWhole(fifo)).toString(), 'onetwo');
  });

  it('has a time limit if nobody writes to it, and fails immediately when it is read again', async () => {
    const fifo = makeFifo();
    await assert.rejects(readWhole(fifo, { answer: 5_000, pipe: 30 }), code('ENODATA'));
    await assert.rejects(readWhole(fifo), code('ENODATA'));
  });

  it('has a limit for its size, even if it has no end', async () => {
    await assert.rejects(readWhole('/dev/zero'), code('EFBIG'));
    const large = freshPath();
    await writeFile(large, '');
    await truncate(large, 16 * 1024 * 1024);
    for (const read of [readWhole, readRegular]) assert.equal((await read(large)).length, 16 * 1024 * 1024);
    await truncate(large, 16 * 1024 * 1024 + 1);
    for (const read of [readWhole, readRegular]) await assert.rejects(read(large), code('EFBIG'));
    // A file in /proc has no size.
    assert.ok((await readWhole('/proc/self/status')).length > 0);
  });

  it('has a time limit if the system does not answer, and is not read again until the system has answered', async () => {
    const regular = freshPath();
    await writeFile(regular, 'content');
    // This blocks all threads that read files.
    const busy = Array.from({ length: 8 }, () => promisify(pbkdf2)('a', 'b', 100_000, 64, 'sha512'));
    await assert.rejects(readRegular(regular, 1), code('ETIMEDOUT'));
    await assert.rejects(readRegular(regular), code('ETIMEDOUT'));
    await Promise.all(busy);
    await until(async () => (await readRegular(regular)).toString() === 'content');
  });
});

describe('a file that is followed', () => {
  it('may become a FIFO, which is not read, and a regular file again', async () => {
    const [one, two] = [freshPath(), freshPath()];
    await writeFile(one, 'a');
    await writeFile(two, 'b');
    let changes = 0;
    const watch: FileWatch = await watchFiles({
      files: () => [one, two],
      interval: 3_600_000,
      onChange: async () => void changes++,
    });
    closing.push(watch);
    await replaceFile(one);
    await watch.poll();
    assert.equal(changes, 1);
    await watch.poll();
    assert.equal(changes, 1);
    await writeFile(two, 'B');
    await watch.poll();
    assert.equal(changes, 2, 'others are followed meanwhile');
    await replaceFile(one, 'a');
    await watch.poll();
    assert.equal(changes, 3);
  });
});
