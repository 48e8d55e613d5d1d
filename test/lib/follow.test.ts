import assert from 'node:assert/strict';
import { mkdir, rename, stat, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Followed, follow } from '../../src/lib/follow.js';
import { Deferred } from '../../src/lib/promises.js';
import type { ReadFile } from '../../src/lib/read-file.js';
import { eventually } from '../support/eventually.js';
import { replacedWhenRead } from '../support/replaced-when-read.js';
import { temporaryFolder } from '../support/temporary-folder.js';

type Texts = Readonly<Record<string, string>>;

let folder: string;
let one: string;
let two: string;
/** What each change gave: the texts, or problems. */
let changes: (Texts | { readonly problems: readonly string[] })[];
let followed: Followed<Texts> | undefined;
beforeEach(async () => {
  folder = temporaryFolder();
  one = join(folder, 'one');
  two = join(folder, 'two');
  await writeFile(one, 'a');
  await writeFile(two, 'b');
  changes = [];
});
afterEach(() => {
  followed?.close();
  followed = undefined;
});

/** The texts of files; a missing file has none. */
async function textsOf(read: ReadFile, files: readonly string[]): Promise<Texts> {
  const texts = await Promise.all(
    files.map(async file => [
      file,
      await read(file).then(
        content => content.toString(),
        () => '',
      ),
    ]),
  );
  return Object.fromEntries(texts);
}

/** Only `poll` looks at the files, unless the test passes a short interval. */
async function start(
  load: Parameters<typeof follow<Texts>>[0]['load'] = read => textsOf(read, [one, two]),
  interval = 3_600_000,
): Promise<Followed<Texts>> {
  const result = await follow<Texts>({ load, interval, onChange: given => void changes.push(given) });
  assert.ok('poll' in result, JSON.stringify(result));
  followed = result;
  return followed;
}

describe('files that are followed', () => {
  it('are looked at again for a call that comes during a look, once for all such calls', async () => {
    const blocked = new Deferred();
    let loads = 0;
    const { poll } = await start(async read => {
      const texts = await textsOf(read, [one, two]);
      loads += 1;
      if (loads === 2) await blocked.promise;
      return texts;
    });
    await writeFile(one, 'changed');
    const first = poll();
    await eventually('the first change', () => loads === 2);
    await writeFile(two, 'changed too');
    const others = [poll(), poll()];
    blocked.resolve();
    await first;
    assert.equal(changes.length, 1);
    await Promise.all(others);
    assert.equal(changes.length, 2);
    await poll();
    assert.equal(changes.length, 2);
  });

  it('are loaded again once for each change, however it is written, and not for the same content', async () => {
    const three = join(folder, 'three');
    const { atime, mtime } = await stat(one);
    const { poll } = await start(read => textsOf(read, [one, two, three]));
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
      assert.equal(changes.length, count);
    }
  });

  it('may be below a symlink that leads to another folder, as Kubernetes updates a volume', async () => {
    for (const version of ['1', '2']) {
      await mkdir(join(folder, `..${version}`));
      await writeFile(join(folder, `..${version}`, 'token'), `token ${version}`);
    }
    const data = join(folder, '..data');
    const token = join(folder, 'token');
    await symlink('..1', data);
    await symlink(join('..data', 'token'), token);
    const { poll } = await start(read => textsOf(read, [token]));
    await symlink('..2', `${data}_tmp`);
    await rename(`${data}_tmp`, data);
    await poll();
    assert.deepEqual(changes, [{ [token]: 'token 2' }]);
  });

  it('are those that were read the last time', async () => {
    let files = [one];
    const { poll } = await start(read => textsOf(read, files));
    await writeFile(two, 'B');
    await poll();
    assert.equal(changes.length, 0, 'it is not followed yet');
    files = [one, two];
    await writeFile(one, 'A');
    await poll();
    await poll();
    assert.equal(changes.length, 1);
    await writeFile(two, 'BB');
    await poll();
    assert.equal(changes.length, 2);
  });

  it('are noticed if they change right after they were read, the first time and later', async t => {
    const { poll } = await replacedWhenRead(t, one, 'A', () => start());
    await poll();
    assert.deepEqual(changes.pop(), { [one]: 'A', [two]: 'b' });
    await writeFile(one, 'AA');
    // The look reads it before the loading does.
    await replacedWhenRead(t, one, 'AAA', poll);
    await poll();
    assert.deepEqual(changes, [{ [one]: 'AAA', [two]: 'b' }]);
  });

  it('are read once for one loading, so that two parts of it are of one version', async t => {
    const reads: string[] = [];
    await replacedWhenRead(t, one, 'A', () =>
      start(async read => {
        for (let time = 0; time < 2; time++) reads.push((await read(one)).toString());
        return {};
      }),
    );
    assert.deepEqual(reads, ['a', 'a']);
  });

  it('have the last version that can be used', async () => {
    const { poll } = await start(async read => {
      const texts = await textsOf(read, [one]);
      return texts[one] === '' ? { problems: ['empty'] } : texts;
    });
    await writeFile(one, '');
    await poll();
    assert.deepEqual([changes.pop(), followed?.current], [{ problems: ['empty'] }, { [one]: 'a' }]);
    await writeFile(one, 'A');
    await poll();
    assert.deepEqual([changes.pop(), followed?.current], [{ [one]: 'A' }, { [one]: 'A' }]);
  });

  it('are loaded again if something else has changed, unless that is loaded already', async () => {
    let wanted = 'a';
    let loaded = '';
    let changes = 0;
    const result = await follow({
      interval: 3_600_000,
      async load() {
        loaded = wanted;
        return {};
      },
      isStale: () => loaded !== wanted,
      onChange: () => void changes++,
    });
    assert.ok('poll' in result);
    followed = result;
    wanted = 'b';
    await Promise.all([result.poll(), result.poll()]);
    assert.deepEqual([loaded, changes], ['b', 1]);
  });

  it('are not followed if the first version cannot be used', async () => {
    const result = await follow({ load: async () => ({ problems: ['bad'] }), onChange() {} });
    assert.deepEqual(result, { problems: ['bad'] });
  });

  it('have a change in use when a poll ends, and callers at the same time share one poll', async () => {
    const { poll } = await start(async read => {
      const texts = await textsOf(read, [one]);
      await sleep(20);
      return texts;
    });
    await writeFile(one, 'A');
    await Promise.all([poll(), poll(), poll()]);
    assert.deepEqual(changes, [{ [one]: 'A' }]);
  });

  it('are looked at by themselves until that is closed', async () => {
    const { poll, close } = await start(undefined, 10);
    await writeFile(one, 'A');
    await eventually('a look', () => changes.length > 0);
    close();
    // Those that it has begun or asked for end before this one.
    await poll();
    const before = changes.length;
    await writeFile(one, 'AA');
    await sleep(50);
    assert.equal(changes.length, before);
  });
});
