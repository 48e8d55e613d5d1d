import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { backupName, deleteOldBackups } from '../../../src/observability/audit/backups.js';
import type { AuditFileOptions } from '../../../src/observability/audit/file.js';
import { AuditLog } from '../../../src/observability/audit/log.js';
import { AuditWriter } from '../../../src/observability/audit/writer.js';
import { eventually } from '../../support/eventually.js';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'audit-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function open(t: TestContext, options: Partial<AuditFileOptions> = {}) {
  const path = options.path ?? join(folder(t), 'audit.log');
  const told = { failed: [] as string[], recovered: 0, dropped: 0 };
  const writer = await AuditWriter.open(
    { path, maxSize: 0, maxBackups: 0, ...options },
    {
      failed: error => void told.failed.push((error as NodeJS.ErrnoException).code ?? error.message),
      recovered: () => {
        told.recovered += 1;
      },
      dropped: lines => {
        told.dropped += lines;
      },
    },
  );
  return { path, writer, told };
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}

// Two of these waits are longer than the second in which a failed write is not tried again.
describe('the file of an audit log', { concurrency: true }, () => {
  it('is readable only for its owner, and is continued if it exists', async t => {
    const first = await open(t);
    first.writer.write('one\n');
    await first.writer.close();
    assert.equal(statSync(first.path).mode & 0o777, 0o600);
    const second = await open(t, { path: first.path });
    second.writer.write('two\nthree\n');
    await second.writer.close();
    assert.equal(read(first.path), 'one\ntwo\nthree\n');
  });

  it('has every line, in order, even if it is closed immediately', async t => {
    const { writer, path, told } = await open(t);
    const lines = Array.from({ length: 20_000 }, (_, index) => `${index}\n`);
    for (const line of lines) writer.write(line);
    await writer.close();
    assert.equal(read(path), lines.join(''));
    assert.deepEqual(told, { failed: [], recovered: 0, dropped: 0 });
  });

  it('is a problem if it cannot be opened', async t => {
    const path = folder(t);
    await assert.rejects(open(t, { path }), { code: 'EISDIR' });
    await assert.rejects(open(t, { path: join(path, 'none', 'audit.log') }), { code: 'ENOENT' });
  });

  it('is rotated when it is full, between two lines, and a limited number of backups is kept', async t => {
    const { writer, path } = await open(t, { maxSize: 1000, maxBackups: 3 });
    const lines = Array.from({ length: 100 }, (_, index) => `${String(index).padStart(99, '.')}\n`);
    for (const line of lines) writer.write(line);
    await writer.close();
    const parent = join(path, '..');
    const files = readdirSync(parent).sort();
    assert.equal(files.length, 4);
    for (const name of files.slice(0, 3)) {
      assert.match(name, /^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/);
      assert.equal(statSync(join(parent, name)).size, 1000);
      assert.equal(statSync(join(parent, name)).mode & 0o777, 0o600);
    }
    assert.equal(files.map(name => read(join(parent, name))).join(''), lines.slice(60).join(''));
  });

  it('accepts lines that are longer than a file may be', async t => {
    const { writer, path } = await open(t, { maxSize: 10 });
    for (const line of ['short\n', `${'x'.repeat(50)}\n`, 'end\n']) writer.write(line);
    await writer.close();
    assert.equal(read(path), 'end\n');
    assert.equal(readdirSync(join(path, '..')).length, 3);
  });

  it('continues to grow if it cannot be rotated, and is rotated later, even if the clock was set back', async t => {
    const parent = folder(t);
    const path = join(parent, 'logs', 'audit.log');
    await mkdir(join(parent, 'logs'));
    const { writer, told } = await open(t, { path, maxSize: 10 });
    writer.write('one 6789\n');
    await eventually('it is written', () => read(path) === 'one 6789\n');
    // Without its folder no new file can be created.
    await rename(join(parent, 'logs'), join(parent, 'moved'));
    writer.write('two 6789\n');
    await eventually(
      'it is written',
      () => read(join(parent, 'moved', 'audit.log')) === 'one 6789\ntwo 6789\n',
    );
    assert.equal(told.failed.length, 1);
    await rename(join(parent, 'moved'), join(parent, 'logs'));
    const yesterday = Date.now() - 86_400_000;
    t.mock.method(Date, 'now', () => yesterday);
    await delay(1050);
    writer.write('three 89\n');
    await writer.close();
    assert.equal(read(path), 'three 89\n');
    assert.equal(told.dropped, 0);
  });

  it('is reopened by its name on request, immediately and without a lost line', async t => {
    const { writer, path } = await open(t);
    writer.write('one\n');
    await eventually('it is written', () => read(path) === 'one\n');
    renameSync(path, `${path}.1`);
    writer.write('two\n');
    writer.reopen();
    writer.write('three\n');
    await writer.close();
    assert.equal(read(`${path}.1`) + read(path), 'one\ntwo\nthree\n');
    const quiet = await open(t);
    renameSync(quiet.path, `${quiet.path}.1`);
    quiet.writer.reopen();
    await eventually('it is there without a line', () =>
      readdirSync(join(quiet.path, '..')).includes('audit.log'),
    );
    await quiet.writer.close();
  });

  it('stays open if its name cannot be opened', async t => {
    const parent = folder(t);
    await mkdir(join(parent, 'logs'));
    const { writer, told } = await open(t, { path: join(parent, 'logs', 'audit.log') });
    await rename(join(parent, 'logs'), join(parent, 'moved'));
    writer.reopen();
    writer.write('one\n');
    await eventually('it is written', () => read(join(parent, 'moved', 'audit.log')) === 'one\n');
    assert.deepEqual(told.failed, ['ENOENT']);
    await rm(join(parent, 'moved'), { recursive: true });
    await mkdir(join(parent, 'logs'));
    await delay(1050);
    writer.write('two\n');
    await writer.close();
    assert.equal(read(join(parent, 'logs', 'audit.log')), 'two\n');
  });

  it('is not rotated early after another program has emptied it', async t => {
    const { writer, path } = await open(t, { maxSize: 20 });
    writer.write('one 6789012345\n');
    await eventually('it is written', () => read(path) !== '');
    writeFileSync(path, '');
    writer.write('two 6789012345\n');
    await writer.close();
    assert.equal(read(path), 'two 6789012345\n');
    assert.equal(readdirSync(join(path, '..')).length, 1);
  });

  it('on a full disk is written again later, and lines that no longer fit into memory are counted', async t => {
    const { writer, told } = await open(t, { path: '/dev/full', maxSize: 10 });
    const line = `${'x'.repeat(1023)}\n`;
    for (let count = 0; count < 17 * 1024; count++) writer.write(line);
    assert.equal(told.dropped, 1024);
    await eventually('it fails', () => told.failed.length >= 2);
    assert.deepEqual(new Set(told.failed), new Set(['ENOSPC']));
    const started = Date.now();
    await writer.close();
    // It tries for 2 s.
    assert.ok(Date.now() - started < 20_000);
    assert.equal(told.dropped, 17 * 1024);
    assert.ok(statSync('/dev/full').isCharacterDevice(), 'a device is never rotated');
  });
});

describe('backups of an audit log', () => {
  it("have lumberjack's names", () => {
    const time = new Date(Date.UTC(2026, 9, 5, 18, 4, 5, 7));
    assert.equal(backupName('/var/log/audit.log', time), '/var/log/audit-2026-10-05T18-04-05.007.log');
    assert.equal(backupName('audit', time), 'audit-2026-10-05T18-04-05.007');
    assert.equal(backupName('/x.d/a.b.json', time), '/x.d/a.b-2026-10-05T18-04-05.007.json');
  });

  it('are deleted from the oldest on, and other files stay', async t => {
    const path = folder(t);
    const backups = [3, 1, 2].map(day =>
      backupName(join(path, 'audit.log'), new Date(Date.UTC(2026, 0, day))),
    );
    const others = [
      'audit.log',
      'audit-old.log',
      'audit-2026-01-01.log',
      'other-2026-01-01T00-00-00.000.log',
    ];
    for (const file of [...backups, ...others.map(name => join(path, name))]) writeFileSync(file, '');
    await deleteOldBackups(join(path, 'audit.log'), 1);
    assert.deepEqual(readdirSync(path).sort(), [...others, 'audit-2026-01-03T00-00-00.000.log'].sort());
  });
});

describe('an audit log', () => {
  it('writes whole lines in batches, soon after they come', async () => {
    const batches: string[] = [];
    let recorded = 0;
    const log = new AuditLog(
      { write: lines => void batches.push(lines) },
      {
        recorded: () => {
          recorded += 1;
        },
      },
    );
    const event = { kind: 'Event', requestURI: 'a\nb' } as never;
    log.append(event);
    log.append(event);
    assert.deepEqual(batches, []);
    // No call asks for the write here: the log must write by itself.
    await eventually('the write', () => batches.length > 0);
    assert.deepEqual(batches, ['{"kind":"Event","requestURI":"a\\nb"}\n'.repeat(2)]);
    for (let count = 0; count < 10_000; count++) log.append(event);
    assert.ok(batches.length > 2, 'many events are written without waiting');
    log.flush();
    log.flush();
    assert.equal(batches.join('').split('\n').length - 1, 10_002);
    assert.equal(recorded, 10_002);
  });

  it('is complete when every request that began has had its last event', async () => {
    const log = new AuditLog({ write: () => {} }, { recorded: () => {} });
    await log.settled();
    log.begin();
    log.begin();
    let isSettled = false;
    const settled = log.settled().then(() => {
      isSettled = true;
    });
    log.append({ stage: 'RequestReceived' } as never);
    log.append({ stage: 'ResponseComplete' } as never);
    await turn();
    assert.equal(isSettled, false);
    log.append({ stage: 'ResponseComplete' } as never);
    await settled;
  });
});
