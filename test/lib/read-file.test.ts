import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { readRegular, readWhole } from '../../src/lib/read-file.js';
import { until } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';

/** The path of a file that does not exist. */
const freshPath = () => join(temporaryFolder(), 'file');
const code = (expected: string) => (error: NodeJS.ErrnoException) => error.code === expected;

describe('a file that is read as a whole', () => {
  it('may be a regular file, or a device with an end', async () => {
    const regular = freshPath();
    await writeFile(regular, 'content');
    assert.equal((await readWhole(regular)).toString(), 'content');
    assert.equal((await readWhole('/dev/null')).length, 0);
    await assert.rejects(readRegular('/dev/null'), /not a regular file/);
  });

  it('may be read again when its time limit has passed', async t => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    for (const read of [readRegular, readWhole]) {
      await read('/proc/self/status');
      t.mock.timers.tick(10_000);
      await read('/proc/self/status');
    }
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
