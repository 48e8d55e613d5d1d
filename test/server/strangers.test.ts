import assert from 'node:assert/strict';
import { after, mock, test } from 'node:test';
import { Strangers } from '../../src/authentication/strangers.js';
import { exchangeRaw } from '../support/clients/raw-http.js';
import { startGateway } from '../support/proxy/stack.js';

const add = mock.method(Strangers.prototype, 'add');
const known = mock.method(Strangers.prototype, 'known');
const counted = mock.method(Strangers.prototype, 'counted');
after(() => mock.restoreAll());

const tokenFile = 'alice-token,alice,,\n';
const gateway = await startGateway({ after }, { tokenFile });
const open = await startGateway({ after }, {});

/** Sends one request. Returns the methods that were called for it. */
async function callsOf(port: number, path: string, fields: string): Promise<string[]> {
  const methods = { add, known, counted };
  for (const { mock } of Object.values(methods)) mock.resetCalls();
  await exchangeRaw(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`);
  return Object.entries(methods).flatMap(([name, { mock }]) => (mock.callCount() > 0 ? [name] : []));
}

const token = 'Authorization: Bearer alice-token\r\n';
const close = 'Connection: close\r\n';
const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const exec = '/api/v1/namespaces/default/pods/web-0/exec?command=ls';

test('a request is a stranger’s until its caller is known, plain or with an upgrade', async () => {
  for (const [path, fields, calls] of [
    ['/api', close + token, ['add', 'known']],
    ['/api', close, ['add', 'counted']],
    ['/api', `${close}Authorization: Bearer other\r\n`, ['add', 'counted']],
    ['/-/livez', close, ['add', 'counted']],
    ['/-/livez', close + token, ['add', 'counted']],
    ['/-/metrics', close + token, ['add', 'known', 'counted']],
    [exec, upgrade, ['add', 'counted']],
    [exec, `${upgrade}Authorization: Bearer other\r\n`, ['add', 'counted']],
    ['/-/livez', upgrade, ['add', 'counted']],
  ] as const)
    assert.deepEqual(await callsOf(gateway.port, path, fields), calls, `${path} ${fields}`);
  assert.deepEqual((await callsOf(gateway.port, exec, upgrade + token)).slice(0, 2), ['add', 'known']);
});

test('without authentication there are no strangers', async () => {
  for (const fields of [close, upgrade]) assert.deepEqual(await callsOf(open.port, '/-/livez', fields), []);
});
