import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { proxyToken, twoUsers } from '../../support/identities/two-users.js';
import type { RunningProgram } from '../../support/proxy/in-process.js';
import { type Gateway, type GatewayOptions, startGateway } from '../../support/proxy/stack.js';
import { type Answer, assertStatus, type Leg, send } from '../leg.js';

const headers = ['Authorization: Bearer alice-token'];
const bearer = { authorization: 'Bearer alice-token' };
const pods = '/api/v1/namespaces/default/pods';
const pod = `${pods}/web-0`;
const refusal = /^the API server refuses the proxy's own credential/;
const refusedMetric = 'kube_api_proxy_upstream_unauthorized_total';

interface Question {
  readonly leg: Leg;
  readonly method: string;
  readonly target: string;
  readonly body?: string;
}

/** Requests with and without a body, those that use connections to the API server in other ways, and upgrades. */
const questions: readonly Question[] = [
  { leg: 'plain', method: 'GET', target: pod },
  { leg: 'plain', method: 'DELETE', target: pod },
  { leg: 'plain', method: 'POST', target: pods, body: '{"metadata":{"name":"new"}}' },
  { leg: 'plain', method: 'GET', target: `${pods}?watch=true` },
  { leg: 'plain', method: 'GET', target: `${pod}/log` },
  { leg: 'websocket', method: 'GET', target: `${pod}/exec?command=true&stdout=true` },
  { leg: 'spdy', method: 'POST', target: `${pod}/portforward` },
];

function askFor(
  port: number,
  { body, ...question }: Question,
  lines: readonly string[] = headers,
): Promise<Answer> {
  const framing = body === undefined ? [] : [`Content-Length: ${body.length}`];
  return send(port, { ...question, headers: [...lines, ...framing], rest: body ?? '' });
}

/** A gateway whose own token the API server does not know any more, until `restore`. */
async function startRefused(
  t: TestContext,
  options: Omit<GatewayOptions, 'run'> = {},
): Promise<Gateway<RunningProgram> & { restore(): void }> {
  const gateway = await startGateway(t, { tokenFile: twoUsers, ...options });
  const { [proxyToken]: own } = gateway.tokens;
  assert.ok(own);
  delete gateway.tokens[proxyToken];
  return { ...gateway, restore: () => void Object.assign(gateway.tokens, { [proxyToken]: own }) };
}

describe("a 401 to the proxy's own credential, where callers are authenticated,", () => {
  test('becomes a 502 for every kind of request on both legs, until the API server accepts it again', async t => {
    const { server, proxy, restore } = await startRefused(t);
    for (const question of questions) {
      const what = `${question.leg} ${question.method} ${question.target}`;
      const before = server.requests.length;
      const answer = await askFor(proxy.port, question);
      assert.match(assertStatus(answer, 502, what), refusal, what);
      assert.doesNotMatch(answer.raw, /Unauthorized/, what);
      assert.ok(server.requests.length > before, what);
    }
    const { text } = await sendPlain(proxy.port, '/-/metrics', { headers: bearer });
    for (const sample of [refusedMetric, 'kube_api_proxy_upstream_errors_total{reason="credential"}']) {
      assert.ok(text.includes(`\n${sample} ${questions.length}\n`), sample);
    }
    restore();
    assert.equal((await askFor(proxy.port, questions[0] as Question)).code, 200);
  });
});
