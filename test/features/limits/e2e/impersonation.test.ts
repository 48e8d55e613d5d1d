import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { bothLegs } from '../../../e2e/credential-probe.js';
import { leaveDuringReview } from '../../../e2e/guard/left-review.js';
import { assertStatus, send } from '../../../e2e/leg.js';
import { eventually } from '../../../support/eventually.js';
import { startLeadGateway } from '../../../support/proxy/lead-gateway.js';

const by = (token: string) => `Authorization: Bearer ${token}`;

for (const leg of bothLegs) {
  test(`a client that leaves while the API server is asked whom it may act as gives its slot back: ${leg}`, t =>
    leaveDuringReview(t, leg, [
      '--max-requests-inflight-per-user=1',
      '--max-longrunning-requests-per-user=1',
    ]));
}

test('limits count the caller, whomever it acts as', async t => {
  const { proxy, server } = await startLeadGateway(t, { args: ['--max-requests-inflight-per-user=1'] });
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
