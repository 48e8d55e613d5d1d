import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { send } from '../e2e/leg.js';
import { eventually } from '../support/eventually.js';
import { jsonLines } from '../support/json-lines.js';
import type { ServerEvent } from '../support/kube-apiserver/audit-log.js';
import { startInProcess } from '../support/proxy/in-process.js';
import { startGateway } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { AskedWebhook } from '../support/upstreams/asked-webhook.js';

test('an audit event has the decision and the reason of the authorization webhook that denies, and its name', async t => {
  const auditLog = join(temporaryFolder(), 'audit.log');
  const webhook = await AskedWebhook.start(t);
  const { proxy } = await startGateway(t, {
    run: startInProcess,
    tokenFile: 'alice-token,alice,,\n',
    flags: [`--authorization-config=${webhook.file}`, `--audit-log-path=${auditLog}`],
  });
  webhook.decide = ({ nonResourceAttributes }) =>
    nonResourceAttributes?.path === '/version' ? { denied: true, reason: 'closed' } : 400;
  for (const target of ['/version', '/healthz']) {
    await send(proxy.port, { target, headers: ['Authorization: Bearer alice-token'] });
  }
  let annotations: readonly unknown[] = [];
  await eventually('the events', async () => {
    const events = jsonLines<ServerEvent>(await readFile(auditLog, 'utf8'));
    annotations = ['/version', '/healthz'].map(
      path => events.findLast(event => event.requestURI === path)?.annotations,
    );
    return annotations.every(found => found !== undefined);
  });
  assert.deepEqual(annotations, [
    {
      'kube-api-proxy/denied-by': 'policy',
      'authorization.k8s.io/decision': 'forbid',
      'authorization.k8s.io/reason': 'closed',
      'kube-api-proxy/rejected-by': 'webhook_denied',
    },
    {
      'kube-api-proxy/denied-by': 'policy',
      'authorization.k8s.io/reason': 'internal error',
      'kube-api-proxy/rejected-by': 'webhook_error',
    },
  ]);
});
