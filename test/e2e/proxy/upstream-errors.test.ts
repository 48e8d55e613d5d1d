import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedIdentity } from '../../support/certificates/certificates.js';
import { send as sendPlain } from '../../support/clients/http-client.js';
import { eventually } from '../../support/eventually.js';
import { refusingPort } from '../../support/ports.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { ownMetric } from '../../support/proxy/own-metric.js';
import { assertStatus, type Leg, send } from '../leg.js';

// test/transport/upstream-error.test.ts has the words for every failure, and test/transport/dial/ makes them. Those of TLS are in ../clusters/.

const path = '/api/v1/namespaces/default/pods';
const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];

function assertNoSecret(text: string): void {
  assert.doesNotMatch(text, /very-secret|Bearer|\n\s+at /);
}

test('an API server that refuses the connection is a 503 that says so, on every leg, and not ready', async t => {
  const { authority } = await sharedIdentity();
  const server = `https://127.0.0.1:${await refusingPort(t)}`;
  const kubeconfig = await writeKubeconfig({ server, ca: authority.certificate, token: 'very-secret' });
  const proxy = await startInProcess(t, [`--kubeconfig=${kubeconfig.path}`]);
  const message = /127\.0\.0\.1:\d+.*refused/;
  for (const leg of legs) {
    const answer = await send(proxy.port, { leg, target: path });
    assert.match(assertStatus(answer, 503, leg), message);
    assertNoSecret(answer.raw);
  }
  const lines = () => proxy.log().filter(line => line['path'] === path);
  await eventually('a line of each', () => lines().length >= legs.length);
  for (const line of lines()) {
    assert.deepEqual([line['code'], Number(line['level']) >= 40], [503, true]);
    assert.match(JSON.stringify(line['err']), /ECONNREFUSED/);
  }
  assert.equal(lines().length, legs.length);
  assertNoSecret(proxy.stderr());
  const counter = 'kube_api_proxy_upstream_errors_total{reason="refused"}';
  assert.ok(Number(await ownMetric(proxy.port, counter)) >= legs.length);
  const { text } = await sendPlain(proxy.port, '/-/readyz?verbose');
  assert.match(text, message);
  assert.match(text, /^\[-\]upstream failed: /m);
});
