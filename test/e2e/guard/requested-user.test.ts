import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, describe, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { ask, connectHttp2, seesEveryField } from '../../support/clients/http2-client.js';
import { selfReview, selfReviewPath } from '../../support/clients/self-review.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startGateway } from '../../support/proxy/stack.js';
import { bothLegs, passed, probe } from '../credential-probe.js';
import { assertStatus, send as sendRaw } from '../leg.js';

const server = await embeddedApiServer({ after });

/** May act as alice, as a service account and as some of the system, and may do nothing itself. */
const lead = `lead-${randomUUID()}`;
/** May do nothing. */
const peer = `peer-${randomUUID()}`;
const impersonate = { verbs: ['impersonate'] };
const core = { ...impersonate, apiGroups: [''] };
const other = { ...impersonate, apiGroups: ['authentication.k8s.io'] };
await server.grant(lead, [
  { ...core, resources: ['users'], resourceNames: ['alice', 'system:anonymous', 'system:admin'] },
  { ...core, resources: ['groups'], resourceNames: ['ops', 'system:masters', 'system:unauthenticated'] },
  { ...core, resources: ['serviceaccounts'], resourceNames: ['robot'] },
  { ...other, resources: ['uids'], resourceNames: ['7'] },
  { ...other, resources: ['userextras/scopes'], resourceNames: ['view', 'edit'] },
  { ...other, resources: ['userextras/wide'] },
]);

const tokenFile = `lead-token,${lead},,"dev"\npeer-token,${peer},,\nalice-token,alice,,"dev"\n`;
const byLead = 'Authorization: Bearer lead-token';
const asAlice = 'Impersonate-User: alice';

function start(t: TestContext, ...args: readonly string[]) {
  const run = startInProcess;
  return startGateway(t, { run, server, tokenFile, flags: ['--allow-impersonation', ...args] });
}

const shared = await startGateway({ after }, { server, tokenFile, flags: ['--allow-impersonation'] });

/** Sends a probe over each leg, which has to reach the API server once, and returns whom it acts as there. */
async function actsAs(headers: readonly string[], { proxy } = shared): Promise<unknown> {
  const found: unknown[] = [];
  for (const leg of bothLegs) {
    const { arrived } = await probe(proxy, server, leg, { headers: [byLead, ...headers] });
    assert.equal(arrived.length, 1, `${leg} ${headers.join()}`);
    assert.equal(arrived[0]?.user?.username, server.proxyName);
    found.push(arrived[0]?.impersonated);
  }
  assert.deepEqual(found[0], found[1]);
  return found[0];
}

describe('a caller who may impersonate', { concurrency: 4 }, () => {
  test('acts as the user whom it names, and without that as itself', async () => {
    for (const leg of bothLegs) {
      const own = await probe(shared.proxy, server, leg, { headers: [byLead] });
      assert.match(assertStatus(own.answer, 403, leg), new RegExp(`User "${lead}" cannot`));
      const { code } = await probe(shared.proxy, server, leg, { headers: [byLead, asAlice] });
      assert.equal(code, passed(leg));
    }
    assert.deepEqual(await actsAs([asAlice]), { username: 'alice', groups: ['system:authenticated'] });
    const more = ['Impersonate-Group: ops', 'Impersonate-Uid: 7', 'Impersonate-Extra-Scopes: view'];
    assert.deepEqual(await actsAs([...more, asAlice, 'Impersonate-Extra-Scopes: edit']), {
      username: 'alice',
      uid: '7',
      groups: ['ops', 'system:authenticated'],
      extra: { scopes: ['view', 'edit'] },
    });
    // An empty name and uid name nobody, as at the API server.
    const itself = { username: lead, groups: ['dev', 'system:authenticated'] };
    assert.deepEqual(await actsAs(['Impersonate-User:', 'Impersonate-Uid:']), itself);
  });

  test('does not become anybody by a trailer', async () => {
    const { raw } = await sendRaw(shared.proxy.port, {
      method: 'POST',
      target: selfReviewPath,
      headers: [
        ...[byLead, 'Content-Type: application/json', 'Transfer-Encoding: chunked'],
        'Trailer: Impersonate-User',
      ],
      rest: '2\r\n{}\r\n0\r\nImpersonate-User: alice\r\n\r\n',
    });
    assert.match(raw, /^HTTP\/1\.1 201 /);
    assert.match(raw, new RegExp(`"username":"${lead}"`));
  });
});

test('over HTTP/2 a caller acts as whom it may impersonate, and as nobody else', encrypted, async t => {
  const files = await createServingFiles();
  const { proxy } = await start(t, ...files.flags);
  if (!seesEveryField) {
    const socket = connect({
      ...{ port: proxy.port, host: '127.0.0.1', ca: files.authority.certificate },
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await once(socket, 'secureConnect');
    socket.destroy();
    assert.equal(socket.alpnProtocol, 'http/1.1', 'HTTP/2 would drop fields here');
    await eventually('the warning', () => /HTTP\/2 is off/.test(proxy.stderr()));
    return;
  }
  const session = await connectHttp2(proxy.port, files.authority.certificate);
  t.after(() => session.destroy());
  const review = (token: string, headers: Readonly<Record<string, string | string[]>>) =>
    ask(session, selfReviewPath, {
      headers: {
        ':method': 'POST',
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: selfReview,
    });
  const allowed = await review('lead-token', {
    'impersonate-user': 'alice',
    'impersonate-group': ['ops', 'ops'],
    'impersonate-extra-scopes': 'view',
  });
  assert.equal(allowed.status, 201, allowed.text);
  const { userInfo } = (allowed.json as { status: { userInfo: { username: string; groups: string[] } } })
    .status;
  assert.equal(userInfo.username, 'alice');
  assert.ok(userInfo.groups.includes('ops'));
  for (const [token, headers, code] of [
    ['peer-token', { 'impersonate-user': 'alice' }, 403],
    ['lead-token', { 'impersonate-user': 'carol' }, 403],
    ['lead-token', { 'impersonate-group': 'ops' }, 400],
    ['lead-token', { 'impersonate-user': 'system:admin' }, 403],
    ['lead-token', { impersonate_user: 'alice' }, 403],
    // Over HTTP/1.1 a space at either end does not count, but here it belongs to the name.
    ['lead-token', { 'impersonate-user': ' alice' }, 403],
    ['lead-token', { 'impersonate-user': 'alice', 'impersonate-group': 'ops ' }, 403],
  ] as const) {
    const { status, text } = await review(token, headers);
    assert.equal(status, code, text);
  }
});
