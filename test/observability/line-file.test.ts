import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LineFile } from '../../src/observability/line-file.js';
import { eventually } from '../support/eventually.js';
import { temporaryFolder } from '../support/temporary-folder.js';

async function open(path = join(temporaryFolder(), 'lines.log')) {
  const told = { failed: [] as string[], recovered: 0, dropped: 0 };
  const file = await LineFile.open(path, {
    failed: error => void told.failed.push((error as NodeJS.ErrnoException).code ?? error.message),
    recovered: () => {
      told.recovered += 1;
    },
    dropped: lines => {
      told.dropped += lines;
    },
  });
  return { path, file, told };
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}

// Two of these waits are longer than the second in which a failed write is not tried again.
describe('a file of lines', { concurrency: true }, () => {
  it('is readable only for its owner, and is continued if it exists', async () => {
    const first = await open();
    first.file.write('one\n');
    await first.file.close();
    assert.equal(statSync(first.path).mode & 0o777, 0o600);
    const second = await open(first.path);
    second.file.write('two\nthree\n');
    await second.file.close();
    assert.equal(read(first.path), 'one\ntwo\nthree\n');
  });

  it('has every line, in order, even if it is closed immediately', async () => {
    const { file, path, told } = await open();
    const lines = Array.from({ length: 20_000 }, (_, index) => `${index}\n`);
    for (const line of lines) file.write(line);
    await file.close();
    assert.equal(read(path), lines.join(''));
    assert.deepEqual(told, { failed: [], recovered: 0, dropped: 0 });
  });

  it('ends the line that a crash has cut, before it writes the next one', async () => {
    const path = join(temporaryFolder(), 'lines.log');
    writeFileSync(path, 'one\ntw');
    const { file } = await open(path);
    file.write('three\n');
    file.write('four\n');
    await file.close();
    assert.equal(read(path), 'one\ntw\nthree\nfour\n');
    const again = await open(path);
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'cut');
    again.file.reopen();
    again.file.write('five\n');
    await again.file.close();
    assert.equal(read(path), 'cut\nfive\n');
  });

  it('is a problem if it cannot be opened', async () => {
    const path = temporaryFolder();
    await assert.rejects(open(path), { code: 'EISDIR' });
    await assert.rejects(open(join(path, 'none', 'lines.log')), { code: 'ENOENT' });
  });

  it('is reopened by its name on request alone, immediately and without a lost line', async () => {
    const { file, path } = await open();
    renameSync(path, `${path}.1`);
    file.write('one\n');
    await eventually('it is written', () => read(`${path}.1`) === 'one\n');
    file.write('two\n');
    file.reopen();
    file.write('three\n');
    await file.close();
    assert.equal(read(`${path}.1`) + read(path), 'one\ntwo\nthree\n');
    const quiet = await open();
    renameSync(quiet.path, `${quiet.path}.1`);
    quiet.file.reopen();
    await eventually('it is there without a line', () =>
      readdirSync(join(quiet.path, '..')).includes('lines.log'),
    );
    await quiet.file.close();
  });

  it('stays open if its name cannot be opened', async () => {
    const parent = temporaryFolder();
    await mkdir(join(parent, 'logs'));
    const { file, told } = await open(join(parent, 'logs', 'lines.log'));
    await rename(join(parent, 'logs'), join(parent, 'moved'));
    file.reopen();
    file.write('one\n');
    await eventually('it is written', () => read(join(parent, 'moved', 'lines.log')) === 'one\n');
    // It tries again every second.
    assert.deepEqual(new Set(told.failed), new Set(['ENOENT']));
    await rm(join(parent, 'moved'), { recursive: true });
    await mkdir(join(parent, 'logs'));
    await delay(1050);
    file.write('two\n');
    await file.close();
    assert.equal(read(join(parent, 'logs', 'lines.log')), 'two\n');
  });

  it('on a full disk is written again later, and lines that no longer fit into memory are counted', async () => {
    const { file, told } = await open('/dev/full');
    const line = `${'x'.repeat(1023)}\n`;
    for (let count = 0; count < 17 * 1024; count++) file.write(line);
    assert.equal(told.dropped, 1024);
    await eventually('it fails', () => told.failed.length >= 2);
    assert.deepEqual(new Set(told.failed), new Set(['ENOSPC']));
    const started = Date.now();
    await file.close();
    // It tries for 2 s.
    assert.ok(Date.now() - started < 20_000);
    assert.equal(told.dropped, 17 * 1024);
  });
});
