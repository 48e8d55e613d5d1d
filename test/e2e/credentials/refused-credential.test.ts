import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { send as sendPlain } from '../../support/clients/http-client.js';
import type { FakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
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

/** Answers like a program that the API server forwards requests to. */
function answerBehind(
  server: FakeApiServer,
  path: RegExp,
  fields: Readonly<Record<string, string>> = {},
): void {
  const status = 'HTTP/1.1 401 Unauthorized';
  server.intercept(({ url = '' }, response) => {
    if (!path.test(url)) return false;
    response.writeHead(401, { 'Content-Length': 11, ...fields }).end('log in here');
    return true;
  });
  server.interceptUpgrade(({ url = '' }, socket) => {
    if (!path.test(url)) return false;
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`${status}\r\n${lines.join('')}Content-Length: 11\r\n\r\nlog in here`);
    return true;
  });
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

describe('the answer passes untouched', () => {
  test('if another program than the API server itself gives it to an authenticated caller', async t => {
    const { server, proxy } = await startGateway(t, { tokenFile: twoUsers });
    answerBehind(server, /\/proxy\//, { 'WWW-Authenticate': 'Basic realm="x"' });
    answerBehind(server, /^\/apis\/metrics/, {
      'WWW-Authenticate': 'Basic realm="x"',
      'X-Kubernetes-Pf-Flowschema-Uid': '33aa0148-9c78-435d-b9a9-0c2a925f80ab',
    });
    for (const leg of ['plain', 'websocket', 'spdy'] as const) {
      for (const target of [`${pod}/proxy/login`, '/apis/metrics.k8s.io/v1beta1/nodes']) {
        const answer = await send(proxy.port, { leg, target, headers });
        assert.equal(answer.code, 401, `${leg} ${target}`);
        assert.equal(answer.body, 'log in here');
        assert.equal(answer.headers.get('www-authenticate'), 'Basic realm="x"');
      }
      // The gateway itself does not know this token.
      const unknown = { leg, target: pod, headers: ['Authorization: Bearer nobody'] };
      assertStatus(await send(proxy.port, unknown), 401, leg);
    }
    const { text } = await sendPlain(proxy.port, '/-/metrics', { headers: bearer });
    // Only a 401 behind a proxy subresource is certain not to be the API server's own.
    assert.match(text, new RegExp(`^${refusedMetric} 3$`, 'm'));
  });
});
