import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { send } from '../e2e/leg.js';
import { eventuallyPasses } from '../support/eventually.js';
import { jsonLines } from '../support/json-lines.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startStack } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';

test('audit events have the path below the base path, and none is written of what is not below it', async t => {
  const auditLog = join(temporaryFolder(), 'audit.log');
  const base = `/${randomBytes(16).toString('base64url')}`;
  const run: typeof startInProcess = (scope, args, env) =>
    startInProcess(scope, args, env, { basePath: base });
  const { port } = await startStack(t, { run, flags: [`--audit-log-path=${auditLog}`] });
  for (const target of [`/${base}/api`, `/s/..${base}/api`, `${base}/-/metrics`, '/version'])
    for (const leg of ['plain', 'websocket'] as const) {
      assert.equal((await send(port, { leg, target })).code, 404, target);
    }
  assert.equal((await send(port, { target: `${base}/version?x` })).code, 200);
  const text = await eventuallyPasses(async () => {
    const written = await readFile(auditLog, 'utf8');
    assert.match(written, /"ResponseComplete"/);
    return written;
  });
  const uris = jsonLines<{ requestURI: string }>(text).map(({ requestURI }) => requestURI);
  assert.deepEqual([...new Set(uris)], ['/version?x']);
  assert.ok(!text.includes(base.slice(1)));
});
