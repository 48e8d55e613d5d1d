import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { send } from '../../../support/clients/http-client.js';
import { test } from '../../../support/kube-apiserver/api-server-test.js';
import { AuditLog } from '../../../support/kube-apiserver/audit-log.js';
import { startProxy } from '../../../support/proxy/proxy.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';

test('an object that was created through the proxy is in its namespace, and both audit logs say who created it', async (t, server) => {
  const folder = temporaryFolder();
  const namespace = await server.createNamespace();
  const kubeconfig = await server.kubeconfig({ commonName: 'carol', organizations: ['dev'] });
  await server.grant('carol', [{ apiGroups: [''], resources: ['configmaps'], verbs: ['create'] }]);
  const ownLog = join(folder, 'audit.log');
  const proxy = await startProxy([`--kubeconfig=${kubeconfig}`, `--audit-log-path=${ownLog}`]);
  t.after(async () => {
    await proxy.stop('SIGKILL');
  });
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const auditId = randomUUID();
  const answer = await send(proxy.port, path, {
    method: 'POST',
    headers: { 'audit-id': auditId, 'content-type': 'application/json' },
    body: JSON.stringify({ metadata: { name: 'settings' } }),
  });
  assert.equal(answer.status, 201, answer.text);
  const { metadata } = (await server.admin.do('GET', `${path}/settings`)) as { metadata: { name: string } };
  assert.equal(metadata.name, 'settings');

  const log = new AuditLog(server.location.auditLog);
  const received = await log.event(auditId, 'RequestReceived');
  const objectRef = { resource: 'configmaps', namespace, apiVersion: 'v1' };
  assert.deepEqual(
    { verb: received.verb, uri: received.requestURI, user: received.user, objectRef: received.objectRef },
    { verb: 'create', uri: path, user: received.user, objectRef },
  );
  assert.equal(received.user.username, 'carol');
  assert.deepEqual(received.user.groups, ['dev', 'system:authenticated']);
  const complete = await log.event(auditId, 'ResponseComplete');
  assert.equal(complete.responseStatus?.code, 201);
  const own = await new AuditLog(ownLog).event(auditId, 'ResponseComplete');
  assert.deepEqual(
    { verb: own.verb, objectRef: own.objectRef, code: own.responseStatus?.code },
    { verb: 'create', objectRef, code: 201 },
  );
});
