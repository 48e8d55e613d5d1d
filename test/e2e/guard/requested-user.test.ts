import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { createServingFiles } from '../../support/certificates/serving-files.js';
import { ask, connectHttp2, seesEveryField } from '../../support/clients/http2-client.js';
import { selfReview, selfReviewPath } from '../../support/clients/self-review.js';
import { embeddedApiServer } from '../../support/embedded-api-server.js';
import { eventually } from '../../support/eventually.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { startGateway } from '../../support/proxy/stack.js';
import { send as sendRaw } from '../leg.js';

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
  { ...other, resources: ['userextras/scopes'], resourceNames: ['view', 'edit'] },
]);

const tokenFile = `lead-token,${lead},,"dev"\npeer-token,${peer},,\nalice-token,alice,,"dev"\n`;

function start(t: TestContext, ...args: readonly string[]) {
  const run = startInProcess;
  return startGateway(t, { run, server, tokenFile, flags: ['--allow-impersonation', ...args] });
}

test('a caller who may impersonate does not become anybody by a trailer', async t => {
  const { proxy } = await start(t);
  const { raw } = await sendRaw(proxy.port, {
    method: 'POST',
    target: selfReviewPath,
    headers: [
      ...['Authorization: Bearer lead-token', 'Content-Type: application/json', 'Transfer-Encoding: chunked'],
      'Trailer: Impersonate-User',
    ],
    rest: '2\r\n{}\r\n0\r\nImpersonate-User: alice\r\n\r\n',
  });
  assert.match(raw, /^HTTP\/1\.1 201 /);
  assert.match(raw, new RegExp(`"username":"${lead}"`));
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
