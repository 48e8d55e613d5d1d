import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { AuditLog } from '../../../src/features/audit-log/log.js';
import { eventually } from '../../support/eventually.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

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
