import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import {
  arn,
  createChainFiles,
  decodedMountOf,
  startManyClusters,
  startManyStack,
} from '../../support/proxy/many-clusters.js';
import { type AttackRequest, assertStatus } from '../leg.js';
import { asksBelowMounts } from './below-mounts.js';

const clusters = await startManyClusters({ after });
const secure = await createChainFiles();
const rules = [
  '--reject-methods=^DELETE$',
  '--accept-hosts=^127\\.0\\.0\\.1$,^gw\\.example$',
  '--cors-allowed-origins=^https://app\\.example$',
  '--reject-paths=^/clusters/,^/api/.*/pods/.*/attach',
];
const [tls, ruled, readOnly, unfiltered] = await Promise.all([
  startManyStack({ after }, { clusters, tls: secure }),
  startManyStack({ after }, { clusters, flags: rules }),
  startManyStack({ after }, { clusters, flags: ['--read-only', '--reject-paths='] }),
  startManyStack({ after }, { clusters, flags: ['--disable-filter'] }),
]);

const pod = '/api/v1/namespaces/default/pods/web-0';
const { marked, ask, assertAsAtRoot } = asksBelowMounts(clusters);

/** One request for each rule, and such as pass. */
const requests: readonly AttackRequest[] = [
  { target: pod },
  { target: '/version' },
  { target: '/api/v1/nodes' },
  { target: `${pod}/exec?command=id` },
  { target: `${pod}/attach` },
  { target: `${pod}/portforward?ports=80` },
  { method: 'DELETE', target: `${pod}-none` },
  { method: 'POST', target: '/api/v1/namespaces/default/configmaps', headers: ['Content-Length: 0'] },
  { method: 'TRACE', target: '/version' },
  { target: pod, host: ['Host: evil.example'] },
  { target: pod, host: [] },
  { target: pod, host: ['Host: gw.example'] },
  { target: pod, headers: ['Origin: https://evil.example'] },
  { target: pod, headers: ['Origin: https://app.example', 'Sec-Fetch-Site: cross-site'] },
  { target: pod, headers: ['Sec-Fetch-Site: cross-site'] },
  ...['app', 'evil'].map(name => ({
    ...{ method: 'OPTIONS', target: pod },
    headers: [`Origin: https://${name}.example`, 'Access-Control-Request-Method: GET'],
  })),
  { target: pod, headers: ['X-HTTP-Method-Override: DELETE'] },
  { target: pod, headers: ['Connection: close, Impersonate-User', 'Impersonate-User: jane'] },
  { target: '//api/v1/namespaces/default/secrets' },
  { target: '/api/v1/namespaces/default/secrets/../pods' },
];

for (const leg of ['plain', 'websocket', 'spdy'] as const) {
  test(`each rule applies below a mount as at / on the ${leg} leg`, async () => {
    for (const stack of leg === 'spdy' ? [ruled] : [ruled, readOnly, unfiltered])
      for (const request of requests) await assertAsAtRoot(stack, { ...request, leg });
  });
}

test('a rule about paths sees the path below the mount, never the mount', async () => {
  // `ruled` rejects ^/clusters/.
  assert.equal((await ask(ruled, '/clusters/a', { target: pod })).answer.code, 200);
  assertStatus((await ask(ruled, '/clusters/a', { target: '/clusters/b/version' })).answer, 403, 'below');
});

describe('a guard over HTTP/2', encrypted, () => {
  let http2: ClientHttp2Session;
  // An idle connection ends after 90 s, and on a busy machine the tests before these may take that long.
  before(async () => {
    http2 = await connectHttp2(tls.port, secure.authority.certificate);
  });
  after(() => http2.destroy());

  const ask2 = async (path: string, headers = {}) => {
    const { mark, target } = marked(path);
    const stream = openStream(http2, target, headers);
    const head = await headOf(stream);
    stream.destroy();
    return { code: head[':status'], arrived: clusters.arrivals(mark).map(({ context }) => context) };
  };

  test('judges a request below a mount', async () => {
    const exec = await ask2(`${decodedMountOf(arn)}${pod}/%65xec`);
    assert.deepEqual([exec.code, exec.arrived], [403, []]);
    for (const headers of [
      { ':authority': 'evil.example' },
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
    ]) {
      const { code, arrived } = await ask2(`/clusters/a${pod}-none`, { ':method': 'DELETE', ...headers });
      assert.equal(code, 403, JSON.stringify(headers));
      assert.deepEqual(arrived, []);
    }
  });
});
