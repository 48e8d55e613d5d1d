import assert from 'node:assert/strict';
import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import { AuditFile } from '../../../src/features/audit-log/file.js';
import { AuditLog } from '../../../src/features/audit-log/log.js';
import { eventually } from '../../support/eventually.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

async function open(path = join(temporaryFolder(), 'audit.log')) {
  const told = { failed: [] as string[], recovered: 0, dropped: 0 };
  const file = await AuditFile.open(path, {
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
describe('the file of an audit log', { concurrency: true }, () => {
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
    const path = join(temporaryFolder(), 'audit.log');
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
    await assert.rejects(open(join(path, 'none', 'audit.log')), { code: 'ENOENT' });
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
      readdirSync(join(quiet.path, '..')).includes('audit.log'),
    );
    await quiet.file.close();
  });

  it('stays open if its name cannot be opened', async () => {
    const parent = temporaryFolder();
    await mkdir(join(parent, 'logs'));
    const { file, told } = await open(join(parent, 'logs', 'audit.log'));
    await rename(join(parent, 'logs'), join(parent, 'moved'));
    file.reopen();
    file.write('one\n');
    await eventually('it is written', () => read(join(parent, 'moved', 'audit.log')) === 'one\n');
    // It tries again every second.
    assert.deepEqual(new Set(told.failed), new Set(['ENOENT']));
    await rm(join(parent, 'moved'), { recursive: true });
    await mkdir(join(parent, 'logs'));
    await delay(1050);
    file.write('two\n');
    await file.close();
    assert.equal(read(join(parent, 'logs', 'audit.log')), 'two\n');
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

describe('an audit log', () => {
  function start() {
    const batches: string[] = [];
    let recorded = 0;
    const file = { write: (lines: string) => void batches.push(lines), reopen() {}, async close() {} };
    const log = new AuditLog(file, {
      recorded: () => {
        recorded += 1;
      },
    });
    return { log, batches, recorded: () => recorded };
  }

  it('writes whole lines in batches, soon after they come', async () => {
    const { log, batches, recorded } = start();
    const event = { kind: 'Event', requestURI: 'a\nb' } as never;
    log.append(event);
    log.append(event);
    assert.deepEqual(batches, []);
    // No call asks for the write here: the log must write by itself.
    await eventually('the write', () => batches.length > 0);
    assert.deepEqual(batches, ['{"kind":"Event","requestURI":"a\\nb"}\n'.repeat(2)]);
    for (let count = 0; count < 10_000; count++) log.append(event);
    assert.ok(batches.length > 2, 'many events are written without waiting');
    await log.close();
    assert.equal(batches.join('').split('\n').length - 1, 10_002);
    assert.equal(recorded(), 10_002);
  });

  it('has no character in a line that controls a terminal, and no second line', async () => {
    const hostile = '\r\n[23:59:59.000] INFO: forged\x1b[2J\x9b2J\x7f\x85\u2028\u2066\\n';
    const { log, batches } = start();
    log.append({ userAgent: hostile } as never);
    await log.close();
    const [lines = ''] = batches;
    assert.doesNotMatch(lines.slice(0, -1), /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
    assert.equal((JSON.parse(lines) as { userAgent: string }).userAgent, hostile);
  });

  it('is closed when every request that began has had its last event', async () => {
    await start().log.close();
    const { log, batches } = start();
    log.begin();
    log.begin();
    let isClosed = false;
    const closed = log.close().then(() => {
      isClosed = true;
    });
    log.append({ stage: 'RequestReceived' } as never);
    log.append({ stage: 'ResponseComplete' } as never);
    await turn();
    assert.equal(isClosed, false);
    log.append({ stage: 'ResponseComplete' } as never);
    for (let count = 0; count < 3; count += 1) await turn();
    assert.equal(isClosed, true, 'it waits no longer');
    await closed;
    assert.equal(batches.join('').split('\n').length - 1, 3);
  });

  it('counts the events that it loses, and logs the first ones of half a minute', async () => {
    const logged: unknown[] = [];
    let lost = 0;
    const metrics = {
      ...{ recorded() {}, failed() {} },
      dropped: (events: number) => {
        lost += events;
      },
    };
    const logger = { info() {}, error: (fields: object) => logged.push(fields) } as never;
    const log = await AuditLog.open(join(temporaryFolder(), 'audit.log'), { metrics, logger });
    const large = { userAgent: 'x'.repeat(17 * 1024 * 1024) } as never;
    log.append(large);
    log.append(large);
    await log.close();
    assert.deepEqual([lost, logged], [2, [{ events: 1 }]]);
  });
});
