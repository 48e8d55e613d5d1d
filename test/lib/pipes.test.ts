import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { afterEach, describe, it } from 'node:test';
import { follow } from '../../src/lib/follow.js';
import { readWhole } from '../../src/lib/read-file.js';
import { makeFifo, replaceWithFifo } from '../support/fifo.js';
import { freshPath, replaceFile } from '../support/replaced-file.js';

const closing: { close(): void }[] = [];
afterEach(() => {
  for (const part of closing.splice(0)) part.close();
});

/** A shell that writes to a path; if that is a FIFO, the shell waits for a reader. */
function shell(command: string): void {
  const child = spawn('sh', ['-c', command], { stdio: 'ignore' });
  closing.push({ close: () => void child.kill() });
}

describe('a pipe that is read as a whole', () => {
  it('may have a writer that starts late and pauses', async () => {
    const fifo = makeFifo();
    shell(`sleep 0.1; { printf one; sleep 0.1; printf two; } > ${fifo}`);
    assert.equal((await readWhole(fifo)).toString(), 'onetwo');
  });

  it('has a time limit if nobody writes to it, and fails immediately when it is read again', async () => {
    const code = 'ENODATA';
    const fifo = makeFifo();
    await assert.rejects(readWhole(fifo, { answer: 5_000, pipe: 30 }), { code });
    await assert.rejects(readWhole(fifo), { code });
  });
});

it('a file that is followed may become a FIFO, which is not read, and a regular file again', async () => {
  const [one, two] = [freshPath(), freshPath()];
  await writeFile(one, 'a');
  await writeFile(two, 'b');
  let changes = 0;
  const watch = await follow({
    load: async read => Promise.allSettled([read(one), read(two)]),
    interval: 3_600_000,
    onChange: () => void changes++,
  });
  assert.ok('poll' in watch);
  closing.push(watch);
  await replaceWithFifo(one);
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
