import assert from 'node:assert/strict';
import {
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FileWatch, watchFiles } from '../../src/lib/file-watch.js';
import { eventually } from '../support/eventually.js';

let folder: string;
let one: string;
let two: string;
let changes: number;
let watch: FileWatch | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'file-watch-'));
  one = join(folder, 'one');
  two = join(folder, 'two');
  await writeFile(one, 'a');
  await writeFile(two, 'b');
  changes = 0;
});
afterEach(async () => {
  watch?.close();
  watch = undefined;
  await rm(folder, { recursive: true, force: true });
});

/** Only `poll` reads the files, unless the test passes a short interval. */
async function start(
  files: () => readonly string[] = () => [one, two],
  onChange: () => Promise<void> = async () => {},
  interval = 3_600_000,
): Promise<FileWatch> {
  watch = await watchFiles({
    files,
    interval,
    onChange: () => {
      changes++;
      return onChange();
    },
  });
  return watch;
}

describe('a watch on files', () => {
  it('tells nothing when nothing has changed, or was only written again', async () => {
    const { poll } = await start();
    await poll();
    await writeFile(one, 'a');
    await poll();
    assert.equal(changes, 0);
  });

  it('tells of a file that was written in place, once', async () => {
    const { poll } = await start();
    await writeFile(two, 'B');
    await poll();
    await poll();
    assert.equal(changes, 1);
  });

  it('tells of a change that leaves size and time as they were', async () => {
    const { atime, mtime, size } = await stat(one);
    const { poll } = await start();
    await writeFile(one, 'x');
    await utimes(one, atime, mtime);
    assert.equal((await stat(one)).size, size);
    await poll();
    assert.equal(changes, 1);
  });

  it('tells of a file that another was renamed to', async () => {
    const { poll } = await start();
    await writeFile(`${one}.new`, 'A');
    await rename(`${one}.new`, one);
    await poll();
    assert.equal(changes, 1);
  });

  it('tells of the folder behind a symlink being swapped, as Kubernetes swaps a volume', async () => {
    for (const version of ['1', '2']) {
      await mkdir(join(folder, `..${version}`));
      await writeFile(join(folder, `..${version}`, 'token'), `token ${version}`);
    }
    const data = join(folder, '..data');
    const token = join(folder, 'token');
    await symlink('..1', data);
    await symlink(join('..data', 'token'), token);
    const { poll } = await start(() => [token]);
    await symlink('..2', `${data}_tmp`);
    await rename(`${data}_tmp`, data);
    await poll();
    assert.equal(changes, 1);
  });

  it('tells of a file that goes and one that comes', async () => {
    const { poll } = await start(() => [one, join(folder, 'three')]);
    await unlink(one);
    await poll();
    assert.equal(changes, 1);
    await writeFile(join(folder, 'three'), '');
    await poll();
    assert.equal(changes, 2);
  });

  it('follows what the changed files name', async () => {
    let files = [one];
    const { poll } = await start(
      () => files,
      async () => {
        files = [one, two];
      },
    );
    await writeFile(two, 'B');
    await poll();
    assert.equal(changes, 0, 'it is not watched yet');
    await writeFile(one, 'A');
    await poll();
    await poll();
    assert.equal(changes, 1);
    await writeFile(two, 'BB');
    await poll();
    assert.equal(changes, 2);
  });

  it('tells again of a file that changes while the change is taken in', async () => {
    const { poll } = await start(undefined, async () => {
      if (changes === 1) await writeFile(one, 'AA');
    });
    await writeFile(one, 'A');
    await poll();
    assert.equal(changes, 1);
    await poll();
    assert.equal(changes, 2);
    await poll();
    assert.equal(changes, 2);
  });

  it('has taken in the change when its look is over, which all who look meanwhile share', async () => {
    let isTakenIn = false;
    const { poll } = await start(undefined, async () => {
      await sleep(20);
      isTakenIn = true;
    });
    await writeFile(one, 'A');
    await Promise.all([poll(), poll(), poll()]);
    assert.equal(isTakenIn, true);
    assert.equal(changes, 1);
  });

  it('looks by itself until it is closed', async () => {
    const { close } = await start(undefined, undefined, 10);
    await writeFile(one, 'A');
    await eventually('a look', () => changes > 0);
    close();
    // A poll that began before has ended by then.
    await sleep(50);
    const before = changes;
    await writeFile(one, 'AA');
    await sleep(50);
    assert.equal(changes, before);
  });

  it('reads a file that many watch once for all of them', async t => {
    const [size, count, interval] = [1 << 20, 40, 50];
    await writeFile(one, Buffer.alloc(size));
    const told = new Set<number>();
    const watches = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        watchFiles({ files: () => [one], interval, onChange: async () => void told.add(index) }),
      ),
    );
    t.after(() => {
      for (const each of watches) each.close();
    });
    const [before, start] = [await bytesRead(), performance.now()];
    await sleep(300);
    const turns = (performance.now() - start) / interval;
    const read = ((await bytesRead()) - before) / size;
    assert.ok(read < 5 * (turns + 2), `${read} readings in ${turns} intervals`);
    await writeFile(one, 'A');
    await eventually('that all are told', () => told.size === count);
  });
});

/** Bytes that this process has read so far (proc(5), `io`). */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}
