import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { send } from '../../../e2e/leg.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { startFakeApiServer } from '../../../support/fake-api-server/fake-api-server.js';
import { jsonLines } from '../../../support/json-lines.js';
import type { ServerEvent } from '../../../support/kube-apiserver/audit-log.js';
import { startStack } from '../../../support/proxy/stack.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

const server = await startFakeApiServer();
after(() => server.kill());
const pod = '/api/v1/namespaces/default/pods/web-0';

test('the log and the audit log have the client of a trusted proxy, on each leg, and no invented one', async t => {
  for (const [network, client] of [
    ['127.0.0.0/8', '198.51.100.7'],
    ['10.0.0.0/8', undefined],
  ] as const) {
    const auditLog = join(temporaryFolder(), 'audit.log');
    const flags = [`--trusted-proxies=${network}`, '--log-requests=all', `--audit-log-path=${auditLog}`];
    const run = { server, flags: ['--reject-paths=', ...flags] };
    const { proxy } = await startStack(t, run);
    const headers = ['X-Forwarded-For: 203.0.113.9, 198.51.100.7'];
    for (const leg of ['plain', 'websocket', 'spdy'] as const) {
      const target = leg === 'plain' ? pod : `${pod}/exec?command=true&stdout=true`;
      assert.equal((await send(proxy.port, { leg, target, headers })).code, leg === 'plain' ? 200 : 101);
    }
    await eventuallyPasses(async () => {
      const lines = proxy.log().filter(({ msg }) => msg === 'request');
      assert.equal(lines.length, 3);
      for (const line of lines) {
        assert.deepEqual([line['remoteAddress'], line['clientAddress']], ['127.0.0.1', client]);
      }
      const events = jsonLines<ServerEvent>(await readFile(auditLog, 'utf8'));
      assert.ok(events.filter(({ stage }) => stage === 'ResponseComplete').length >= lines.length);
      for (const { sourceIPs, annotations } of events) {
        assert.deepEqual(sourceIPs, ['203.0.113.9', '198.51.100.7', '127.0.0.1']);
        const key = client === undefined ? 'unverified-source-ips' : 'client-address';
        assert.deepEqual(annotations, { [`kube-api-proxy/${key}`]: client ?? 'true' });
      }
    });
  }
});
