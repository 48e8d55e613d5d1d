import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCertificateAuthority } from '../../support/certificates/certificates.js';
import {
  addContext,
  arn,
  mountOf,
  startManyClusters,
  startManyStack,
  which,
} from '../../support/proxy/many-clusters.js';
import { startConnectProxy } from '../../support/upstreams/forward-proxy.js';
import { assertStatus, type Leg, send } from '../leg.js';

const legs: readonly Leg[] = ['plain', 'websocket', 'spdy'];

test('the cluster and the user of a context apply only to it: authority, name, proxy, and disabled verification', async t => {
  const stranger = await createCertificateAuthority({ commonName: 'stranger' });
  const tunnel = await startConnectProxy();
  t.after(() => tunnel.close());
  const clusters = await startManyClusters(t, {
    edit: (config, { two }) => {
      const wrong = Buffer.from(stranger.certificate).toString('base64');
      const none = { 'certificate-authority-data': undefined };
      addContext(config, 'unchecked', two, { cluster: { ...none, 'insecure-skip-tls-verify': true } });
      addContext(config, 'wrong authority', two, { cluster: { 'certificate-authority-data': wrong } });
      addContext(config, 'wrong name', two, { cluster: { 'tls-server-name': 'elsewhere.example' } });
      addContext(config, 'tunnel', two, { cluster: { 'proxy-url': `http://127.0.0.1:${tunnel.port}` } });
    },
  });
  const { port } = await startManyStack(t, { clusters });
  // The unverified context comes first, because no other context may resume its TLS session.
  for (let round = 0; round < 2; round += 1) {
    for (const leg of legs) {
      for (const [name, works] of [
        ['unchecked', true],
        ['b', true],
        ['wrong authority', false],
        ['wrong name', false],
      ] as const) {
        const answer = await send(port, { leg, target: `${mountOf(name)}${which}` });
        if (works) assert.equal(answer.code, 200, answer.raw);
        else assert.match(assertStatus(answer, 502, name), /certificate/i);
      }
    }
  }
  assert.equal(tunnel.requests.length, 0);
  for (const leg of legs) {
    assert.equal((await send(port, { leg, target: `/clusters/tunnel${which}` })).code, 200);
  }
  assert.ok(tunnel.requests.length > 0);
  for (const { target } of tunnel.requests) assert.equal(target, new URL(clusters.two.url).host);
});

test('--context, --as, --as-group, --as-uid and --as-user-extra apply to every context', async t => {
  const flags = ['--context=two', '--as=jane', '--as-group=g', '--as-uid=1', '--as-user-extra=k=v'];
  const { port, arrivals } = await startManyStack(t, { flags });
  for (const leg of legs) {
    for (const [mount, context] of [
      ['', 'two'],
      ['/clusters/two', 'two'],
      [mountOf(arn), arn],
    ] as const) {
      const target = `${mount}${which}?start-up=${leg}${mount}.`;
      await send(port, { leg, target });
      const [arrival] = arrivals(`start-up=${leg}${mount}.`);
      const { 'impersonate-user': user } = arrival?.record.headers ?? {};
      assert.deepEqual([arrival?.context, user], [context, 'jane']);
      assertStatus(await send(port, { leg, target, headers: ['Impersonate-User: root'] }), 403, mount);
    }
  }
});
