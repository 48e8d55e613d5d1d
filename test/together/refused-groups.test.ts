import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { createServingFiles } from '../support/certificates/serving-files.js';
import { send } from '../support/clients/http-client.js';
import { ask, connectHttp2 } from '../support/clients/http2-client.js';
import { embeddedApiServer } from '../support/embedded-api-server.js';
import { eventuallyPasses } from '../support/eventually.js';
import { jsonLines } from '../support/json-lines.js';
import type { ServerEvent } from '../support/kube-apiserver/audit-log.js';
import { adminPort } from '../support/proxy/admin-listener.js';
import { startGateway } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const server = await embeddedApiServer({ after });

/** A gateway that may impersonate two groups and no other. */
const identity = `gateway-${randomUUID()}`;
const pair = await server.authority.client({ commonName: identity, organizations: [] });
const impersonate = { apiGroups: [''], verbs: ['impersonate'] };
await server.grant(identity, [
  { ...impersonate, resources: ['users'] },
  { ...impersonate, resources: ['groups'], resourceNames: ['dev', 'system:authenticated'] },
]);

const group = 'Platform Team <x&y>';
const tokenFile = `dev-token,alice,,"dev"\nboth-token,alice,,"dev,${group}"\n`;
const refusal =
  /^the API server does not let this proxy impersonate the group "Platform Team <x&y>", which .*--accept-group/;

function start(t: TestContext, ...args: readonly string[]) {
  const data = (text: string) => Buffer.from(text).toString('base64');
  return startGateway(t, {
    server,
    tokenFile,
    user: { 'client-certificate-data': data(pair.certificate), 'client-key-data': data(pair.key) },
    flags: args,
  });
}

test('a group that the gateway may not impersonate is a warning of readyz, which names it to callers alone', async t => {
  const auditLog = join(temporaryFolder(), 'audit.log');
  const files = await createServingFiles();
  // The embedded API server lists no rules, by which the check would pass as on a real one.
  const { proxy } = await start(t, ...files.flags, `--audit-log-path=${auditLog}`, '--admin-port=0');
  const session = await connectHttp2(proxy.port, files.authority.certificate);
  t.after(() => session.destroy());
  const readyz = async (authorization?: string) =>
    ask(session, '/-/readyz?verbose&exclude=impersonation', {
      headers: authorization === undefined ? {} : { authorization },
    });
  await eventuallyPasses(async () => {
    const { status, text } = await readyz();
    assert.equal(status, 200, text);
  });
  assert.doesNotMatch((await readyz()).text, /warn/);
  for (let count = 0; count < 3; count += 1) {
    const { status, text } = await ask(session, '/version', {
      headers: { authorization: 'Bearer both-token' },
    });
    assert.equal(status, 403);
    assert.match((JSON.parse(text) as { message: string }).message, refusal);
  }
  // Its lines are written in batches.
  await eventuallyPasses(() => {
    const warned = proxy.log().filter(({ msg }) => /does not let the proxy impersonate/.test(String(msg)));
    assert.deepEqual(
      warned.map(line => line['group']),
      [group],
    );
  });
  const admin = await adminPort(proxy);
  for (const answer of [
    readyz(),
    readyz('Bearer no-token'),
    send(admin, '/readyz?verbose&exclude=impersonation'),
  ]) {
    const { status, text } = await answer;
    assert.equal(status, 200);
    assert.match(text, /^warn: .* may not impersonate a group of theirs; the log, and readyz with a cred/m);
    assert.doesNotMatch(text, /Platform/);
  }
  const ends = await eventuallyPasses(async () => {
    const events = jsonLines<ServerEvent>(await readFile(auditLog, 'utf8'));
    const found = events.filter(
      ({ requestURI, stage }) => requestURI === '/version' && stage === 'ResponseComplete',
    );
    assert.equal(found.length, 3);
    return found;
  });
  for (const { responseStatus, annotations } of ends) {
    assert.match(responseStatus?.message ?? '', refusal);
    assert.equal(annotations?.['kube-api-proxy/rejected-by'], 'refused_group');
  }
  assert.match(
    (await readyz('Bearer dev-token')).text,
    /^warn: .* may not impersonate these groups: "Platform Team <x&y>"; /m,
  );
});
