import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditLog } from '../../../src/features/audit-log/log.js';

test('a line of the audit log has no character that controls a terminal, and no second line', async () => {
  const hostile = '\r\n[23:59:59.000] INFO: forged\x1b[2J\x9b2J\x7f\x85\u2028\u2066\\n';
  const written: string[] = [];
  const file = { write: (lines: string) => void written.push(lines), reopen() {}, async close() {} };
  const log = new AuditLog(file, { recorded() {} });
  log.append({ userAgent: hostile } as never);
  await log.close();
  const [lines = ''] = written;
  assert.doesNotMatch(lines.slice(0, -1), /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
  assert.equal((JSON.parse(lines) as { userAgent: string }).userAgent, hostile);
});
