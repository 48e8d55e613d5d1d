import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  ApiError,
  Client,
  messageOf,
  proxyItself,
} from '../../../../src/features/explorer/page/api/client.js';
import type { ApiRequest } from '../../../../src/features/explorer/page/api/requests.js';

const get = { method: 'GET', prefix: '/clusters/a', apiPath: '/api/v1/pods', accept: 'application/json' };

type Answer = readonly [status: number, body?: string] | Error;

/** A client whose requests get these answers. */
function start(t: TestContext, ...answers: readonly Answer[]) {
  const left = [...answers];
  const fetch = t.mock.method(globalThis, 'fetch', async (_url: string, _init: RequestInit) => {
    const next = left.shift() ?? [200, '{}'];
    if (next instanceof Error) throw next;
    return new Response(next[1] ?? '', { status: next[0] });
  });
  const client = new Client('http://proxy.test/x');
  const unauthorized: string[] = [];
  client.onUnauthorized = prefix => void unauthorized.push(prefix);
  const sent = () => fetch.mock.calls.map(({ arguments: [url, init] }) => ({ url, ...init }));
  const tokens = () => sent().map(({ headers }) => new Headers(headers).get('authorization'));
  const send = (more: object = {}) => client.send({ ...get, ...more } as ApiRequest);
  return { client, send, sent, tokens, unauthorized };
}

const always = { cache: 'no-store', redirect: 'error', referrerPolicy: 'no-referrer' };
const rejects = (promise: Promise<unknown>, code: number, message: string | RegExp) =>
  assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof ApiError && error.code === code, String(error));
    assert.match(error.message, new RegExp(message));
    return true;
  });

describe('the client of the page', () => {
  it('sends a request as it is, and follows no redirect', async t => {
    const { client, send, sent } = start(t, [200, '{"a":1}'], [200], [200, '{"b":2}'], [200, 'kubeconfig']);
    const { signal } = new AbortController();
    assert.deepEqual(await client.json(get as ApiRequest, signal), { a: 1 });
    await send({ method: 'POST', body: '{}' });
    assert.deepEqual(await client.own('/clusters', signal), { b: 2 });
    assert.equal(await (await client.kubeconfig()).text(), 'kubeconfig');
    assert.equal(client.kubeconfigUrl, 'http://proxy.test/x/-/kubeconfig');
    const url = 'http://proxy.test/x/clusters/a/api/v1/pods';
    const accept = { Accept: 'application/json' };
    const json = { ...accept, 'Content-Type': 'application/json' };
    assert.deepEqual(sent(), [
      { url, method: 'GET', headers: accept, signal, ...always },
      { url, method: 'POST', headers: json, body: '{}', ...always },
      { url: 'http://proxy.test/x/-/clusters', headers: accept, signal, ...always },
      { url: 'http://proxy.test/x/-/kubeconfig', headers: {}, ...always },
    ]);
  });

  it('sends to each cluster its own token, and that for the proxy where it is shared', async t => {
    const { client, send, tokens } = start(t);
    assert.equal(client.hasToken, false);
    await send();
    client.tokens.set(proxyItself, 'shared');
    assert.equal(client.hasToken, true);
    await send();
    await send({ prefix: '' });
    client.ofRoot = new Set(['/clusters/a']);
    await send();
    client.ofRoot = new Set();
    await send();
    client.sharesTokens = true;
    await send();
    client.tokens.set('/clusters/a', 'own');
    await send();
    client.tokens.clear();
    client.session = { token: 'session', ready: () => undefined, replace: async () => {} };
    assert.equal(client.hasToken, true);
    await send();
    const bearer = [undefined, undefined, 'shared', 'shared', undefined, 'shared', 'own', 'session'];
    assert.deepEqual(
      tokens(),
      bearer.map(token => (token === undefined ? null : `Bearer ${token}`)),
    );
  });

  it('waits for the token of a session, and sends a request again with another one after a 401', async t => {
    const steps: string[] = [];
    const { client, send, tokens, unauthorized } = start(t, [200], [401], [200], [401], [401], [401]);
    let token = 'first';
    client.session = {
      get token() {
        return token;
      },
      ready: async () => void steps.push('ready'),
      replace: async refused => {
        steps.push(`replace ${refused}`);
        token = 'second';
      },
    };
    await send();
    await send();
    assert.deepEqual(steps, ['ready', 'ready', 'replace first', 'ready']);
    await rejects(send(), 401, '');
    assert.deepEqual([tokens().length, unauthorized], [4, ['/clusters/a']]);
    client.session = undefined;
    await rejects(send(), 401, '');
    assert.deepEqual([tokens().at(-1), unauthorized.length], [null, 2]);
  });

  it('does not ask for a token if another one was entered meanwhile', async t => {
    const { client, send, unauthorized } = start(t);
    client.tokens.set('/clusters/a', 'old');
    t.mock.method(globalThis, 'fetch', async () => {
      client.tokens.set('/clusters/a', 'new');
      return new Response('', { status: 401 });
    });
    await rejects(send(), 401, '');
    assert.deepEqual(unauthorized, []);
  });

  it('says what is wrong: the message of a Status, the first line, or the code', async t => {
    const aborted = new DOMException('stopped', 'AbortError');
    const wrong: readonly (readonly [Answer, said: RegExp])[] = [
      [[403, '{"message":"no pods"}'], /^no pods$/],
      [[500, '{"message":""}'], /^{"message":""}$/],
      [[502, 'first\nsecond'], /^first$/],
      [[404], /^HTTP 404$/],
      [[500, 'x'.repeat(999)], /^x{300}$/],
      [[503, '{"message":7}'], /^{"message":7}$/],
      [[500, 'null'], /^null$/],
      [new TypeError('no'), /^the proxy does not answer$/],
    ];
    const { send } = start(t, ...wrong.map(([answer]) => answer), aborted);
    for (const [answer, said] of wrong) await rejects(send(), answer instanceof Error ? 0 : answer[0], said);
    await assert.rejects(send(), aborted);
  });

  it('knows which errors may pass', () => {
    const passing = [0, 401, 429, 499, 500, 503].filter(code => new ApiError(code, '').isPassing);
    assert.deepEqual(passing, [0, 429, 500, 503]);
    const errors = [new ApiError(404, 'gone'), new ApiError(0, 'away'), new Error('x'), 'text'];
    assert.deepEqual(errors.map(messageOf), ['404: gone', 'away', 'x', 'text']);
  });
});
