import assert from 'node:assert/strict';
import http, { type ServerResponse } from 'node:http';
import { type TestContext, test } from 'node:test';
import { bothLegs } from '../../../e2e/credential-probe.js';
import { leaveDuringReview } from '../../../e2e/guard/left-review.js';
import { assertStatus, send, toBytes } from '../../../e2e/leg.js';
import { open, send as sendFrom } from '../../../support/clients/http-client.js';
import { connectRaw } from '../../../support/clients/raw-http.js';
import { eventually } from '../../../support/eventually.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { startLeadGateway } from '../../../support/proxy/lead-gateway.js';
import { untilOwnMetric } from '../../../support/proxy/own-metric.js';
import { startStack } from '../../../support/proxy/stack.js';

const by = (token: string) => `Authorization: Bearer ${token}`;
const from = (...addresses: readonly string[]) => [`X-Forwarded-For: ${addresses.join(', ')}`];

/** Without authentication, a connection from another loopback address belongs to another user. */
function agentOf(t: TestContext, localAddress: string): http.Agent {
  const agent = new http.Agent({ keepAlive: true, localAddress });
  t.after(() => agent.destroy());
  return agent;
}

test("requests over a user's own limit are rejected, and those from other addresses are served", async t => {
  const flags = ['--max-requests-inflight-per-user=2', '--max-longrunning-requests-per-user=1'];
  const { server, port } = await startStack(t, { run: startInProcess, flags });
  const waiting: ServerResponse[] = [];
  server.intercept(({ url }, response) => url === '/slow' && waiting.push(response) > 0);
  const [jane, joe] = [agentOf(t, '127.0.0.2'), agentOf(t, '127.0.0.3')];
  const held = [sendFrom(port, '/slow', { agent: jane }), sendFrom(port, '/slow', { agent: jane })];
  await eventually('both', () => waiting.length === 2);
  const refused = await sendFrom(port, '/version', {
    agent: jane,
    headers: { 'x-forwarded-for': '127.0.0.3', 'x-real-ip': '127.0.0.3', forwarded: 'for=127.0.0.3' },
  });
  assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '1']);
  assert.match(refused.text, /--max-requests-inflight-per-user/);
  assert.equal((await sendFrom(port, '/version', { agent: joe })).status, 200);
  const quietWatch = '/api/v1/namespaces/kube-system/pods?watch=true';
  const watch = await open(port, quietWatch, { agent: jane });
  const second = await sendFrom(port, quietWatch, { agent: jane });
  assert.equal(second.status, 429);
  assert.match(second.text, /--max-longrunning-requests-per-user/);
  (await open(port, quietWatch, { agent: joe })).destroy();
  watch.destroy();
  for (const response of waiting) response.end('done');
  await Promise.all(held);
  for (const reason of ['user_inflight', 'user_longrunning'])
    await untilOwnMetric(port, `kube_api_proxy_rejected_requests_total{reason="${reason}"}`, 1);
  await untilOwnMetric(port, 'kube_api_proxy_users', 0);
});

test('limits by address count the clients of a trusted proxy, and not what a client says of itself', async t => {
  const flags = ['--trusted-proxies=127.0.0.1', '--max-requests-inflight-per-user=1'];
  const { proxy, server } = await startStack(t, { run: startInProcess, flags });
  server.intercept(({ url }) => url === '/never');
  const waiting = await connectRaw(proxy.port);
  t.after(() => waiting.destroy());
  waiting.write(toBytes({ target: '/never', headers: from('198.51.100.7') }));
  await server.waitForRequest(({ rawUrl }) => rawUrl === '/never');
  for (const [headers, code] of [
    [from('198.51.100.7'), 429],
    [from('203.0.113.9', '198.51.100.7'), 429],
    [from('203.0.113.9'), 200],
    [from('198.51.100.7', '203.0.113.9'), 200],
    [[], 200],
  ] as const) {
    assert.equal((await send(proxy.port, { target: '/version', headers })).code, code, headers.join());
  }
});

for (const leg of bothLegs) {
  test(`a client that leaves while the API server is asked whom it may act as gives its slot back: ${leg}`, t =>
    leaveDuringReview(t, leg, [
      '--max-requests-inflight-per-user=1',
      '--max-longrunning-requests-per-user=1',
    ]));
}

test('limits count the caller, whomever it acts as', async t => {
  const { proxy, server } = await startLeadGateway(t, { flags: ['--max-requests-inflight-per-user=1'] });
  const waiting: ServerResponse[] = [];
  server.intercept(({ url }, response) => {
    if (!url?.startsWith('/api/v1/namespaces/default/pods/slow')) return false;
    waiting.push(response);
    return true;
  });
  const ask = (token: string, user: string, pod: string) =>
    send(proxy.port, {
      target: `/api/v1/namespaces/default/pods/${pod}`,
      headers: [by(token), `Impersonate-User: ${user}`],
    });
  const held = ask('lead-token', 'alice', 'slow');
  await eventually('the request', () => waiting.length === 1);
  const refused = assertStatus(await ask('lead-token', 'bob', 'web-0'), 429, 'lead');
  assert.match(refused, /requests of yours .*--max-requests-inflight-per-user/);
  const own = await send(proxy.port, { target: '/version', headers: [by('alice-token')] });
  assert.notEqual(own.code, 429, 'alice has a share of her own');
  for (const response of waiting) response.end('{}');
  assert.equal((await held).code, 200);
});
