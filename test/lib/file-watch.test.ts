import assert from 'node:assert/strict';
import { mkdir, readFile, rename, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Deferred } from '../../src/lib/deferred.js';
import { type FileWatch, watchFiles } from '../../src/lib/file-watch.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';

let folder: string;
let one: string;
let two: string;
let changes: number;
let watch: FileWatch | undefined;
beforeEach(async () => {
  folder = temporaryFolder();
  one = join(folder, 'one');
  two = join(folder, 'two');
  await writeFile(one, 'a');
  await writeFile(two, 'b');
  changes = 0;
});
afterEach(async () => {
  watch?.close();
  watch = undefined;
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
  it('reads again for a call that comes while files are being read, once for all such calls', async () => {
    const blocked = new Deferred();
    const { poll } = await start(
      () => [one, two],
      () => (changes === 1 ? blocked.promise : Promise.resolve()),
    );
    await writeFile(one, 'changed');
    const first = poll();
    await eventually('the first change', () => changes === 1);
    await writeFile(two, 'changed too');
    const others = [poll(), poll()];
    blocked.resolve();
    await first;
    assert.equal(changes, 1);
    await Promise.all(others);
    assert.equal(changes, 2);
    await poll();
    assert.equal(changes, 2);
  });

  it('reports each change of a file once, however it is written, and not the same content', async () => {
    const three = join(folder, 'three');
    const { atime, mtime } = await stat(one);
    const { poll } = await start(() => [one, two, three]);
    for (const [count, change] of [
      [0, async () => {}],
      [0, () => writeFile(one, 'a')],
      [1, () => writeFile(two, 'B')],
      // Size and time stay as they were.
      [2, () => writeFile(one, 'x').then(() => utimes(one, atime, mtime))],
      [3, () => writeFile(`${two}.new`, 'A').then(() => rename(`${two}.new`, two))],
      [4, () => unlink(one)],
      [5, () => writeFile(three, '')],
    ] as const) {
      await change();
      await poll();
      await poll();
      assert.equal(changes, count);
    }
  });

  it('reports a symlink that leads to another folder, as Kubernetes updates a volume', async () => {
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

  it('follows the files that the changed files name', async () => {
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

  it('reports a file again that changes while its change is handled', async () => {
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

  it('has handled the change when a poll ends, and callers at the same time share one poll', async () => {
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

  it('polls by itself until it is closed', async () => {
    const { poll, close } = await start(undefined, undefined, 10);
    await writeFile(one, 'A');
    await eventually('a look', () => changes > 0);
    // Then none is under way.
    await poll();
    close();
    const before = changes;
    await writeFile(one, 'AA');
    await sleep(50);
    assert.equal(changes, before);
  });

  it('reads a file once for all its watchers', async t => {
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
