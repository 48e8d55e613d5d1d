import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  createRunFolder,
  findParent,
  type RunFolder,
  removeLeftFolders,
  writeNewFile,
} from '../../../src/features/run/run-folder.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const isRoot = process.getuid?.() === 0;
const mode = (path: string) => statSync(path).mode & 0o7777;

function folderIn(parent: string): RunFolder {
  const folder = createRunFolder(parent, 'text');
  assert.ok('kubeconfig' in folder, JSON.stringify(folder));
  return folder;
}

test('only its owner can read the folder of a run and the file in it', () => {
  const { kubeconfig, cache, remove } = folderIn(temporaryFolder());
  assert.equal(readFileSync(kubeconfig, 'utf8'), 'text');
  const folder = dirname(kubeconfig);
  assert.equal(dirname(cache), folder);
  assert.deepEqual([mode(folder), mode(kubeconfig)], [0o700, 0o600]);
  mkdirSync(join(cache, 'discovery'), { recursive: true });
  symlinkSync(tmpdir(), join(cache, 'link'));
  remove();
  assert.ok(!existsSync(folder));
  assert.ok(existsSync(tmpdir()));
  remove();
});

test('a folder that cannot be made is a problem', () => {
  const parent = join(temporaryFolder(), 'missing');
  assert.deepEqual(createRunFolder(parent, ''), {
    problems: [`${parent}: no folder can be made there (ENOENT)`],
  });
});

test('nothing is written to what already has the name of the kubeconfig: a file, a link to a file or to nothing', () => {
  const folder = temporaryFolder();
  const [own, file, dead] = [join(folder, 'own'), join(folder, 'file'), join(folder, 'dead')];
  writeFileSync(own, 'own');
  symlinkSync(own, file);
  symlinkSync(join(folder, 'nothing'), dead);
  for (const path of [own, file, dead]) assert.throws(() => writeNewFile(path, 'secret'), /EEXIST/);
  assert.equal(readFileSync(own, 'utf8'), 'own');
  assert.ok(!existsSync(join(folder, 'nothing')));
});

test('a folder is made in XDG_RUNTIME_DIR if that is a folder of this user, and else in the temporary folder', () => {
  const own = temporaryFolder();
  assert.equal(findParent({ XDG_RUNTIME_DIR: own }), own);
  const link = join(temporaryFolder(), 'link');
  symlinkSync(own, link);
  assert.equal(findParent({ XDG_RUNTIME_DIR: link }), own);
  const temporary = findParent({});
  for (const other of ['', 'relative', join(own, 'missing')])
    assert.deepEqual(findParent({ XDG_RUNTIME_DIR: other }), temporary, other);
});

test('a parent that others may write to is a problem, unless it has a sticky bit', () => {
  const parent = temporaryFolder();
  for (const others of [0o777, 0o730, 0o702]) {
    chmodSync(parent, others);
    const found = findParent({ XDG_RUNTIME_DIR: parent });
    assert.deepEqual(found, {
      problems: [`XDG_RUNTIME_DIR: ${parent}: others may write there, and it has no sticky bit`],
    });
  }
  chmodSync(parent, 0o1777);
  assert.equal(findParent({ XDG_RUNTIME_DIR: parent }), parent);
});

test('the folder of another user is not used', { skip: !isRoot && 'only root can give folders away' }, t => {
  const parent = temporaryFolder();
  chownSync(parent, 12_345, 12_345);
  assert.notEqual(findParent({ XDG_RUNTIME_DIR: parent }), parent);
  const before = process.env['TMPDIR'];
  t.after(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  process.env['TMPDIR'] = parent;
  assert.deepEqual(findParent({}), { problems: [`the temporary folder: ${parent} belongs to another user`] });
});

/** The name that a run of a process gives its folder, but for its last part, with some of its parts replaced. */
function nameOf(parts: readonly (string | undefined)[]): string {
  const { kubeconfig } = folderIn(temporaryFolder());
  const all = basename(dirname(kubeconfig)).split('-').slice(4);
  return `kube-api-proxy-run-${all.map((part, index) => parts[index] ?? part).join('-')}`;
}

test('folders of runs that were killed are removed, and no other ones', async t => {
  const parent = temporaryFolder();
  const gone = spawn('true');
  await once(gone, 'exit');
  const pid = String(gone.pid);
  const outside = temporaryFolder();
  writeFileSync(join(outside, 'kept'), '');
  const left = [nameOf([undefined, pid]), nameOf([undefined, undefined, '1'])];
  const others = [
    nameOf([]),
    nameOf(['54321', pid]),
    nameOf([undefined, pid, undefined, '1']),
    `${nameOf([undefined, pid])}x`,
    `x${nameOf([undefined, pid])}`,
  ];
  for (const name of [...left, ...others]) {
    mkdirSync(join(parent, name, 'cache'), { recursive: true });
    symlinkSync(outside, join(parent, name, 'cache', 'link'));
  }
  const link = nameOf([undefined, pid]);
  symlinkSync(outside, join(parent, link));
  const file = nameOf([undefined, pid]);
  writeFileSync(join(parent, file), '');
  const foreign = nameOf([undefined, pid]);
  if (isRoot) {
    mkdirSync(join(parent, foreign));
    chownSync(join(parent, foreign), 12_345, 12_345);
    others.push(foreign);
  } else t.diagnostic('without root, no folder of another user');
  await removeLeftFolders(parent);
  assert.deepEqual(readdirSync(parent).sort(), [...others, link, file].sort());
  assert.ok(lstatSync(join(outside, 'kept')).isFile());
  await removeLeftFolders(join(parent, 'missing'));
});
