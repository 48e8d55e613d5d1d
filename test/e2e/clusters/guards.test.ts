import assert from 'node:assert/strict';
import type { ClientHttp2Session } from 'node:http2';
import { after, before, describe, test } from 'node:test';
import { connectHttp2, headOf, openStream } from '../../support/clients/http2-client.js';
import { connectRaw } from '../../support/clients/raw-http.js';
import { encrypted } from '../../support/proxy/encrypted.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import {
  arn,
  createChainFiles,
  decodedMountOf,
  startManyClusters,
  startManyStack,
} from '../../support/proxy/many-clusters.js';
import { ambiguousSpellings, harmlessSpellings, refusedSpellings } from '../exec-spellings.js';
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
const [plain, tls, ruled, readOnly, unfiltered] = await Promise.all([
  startManyStack({ after }, { clusters, run: startInProcess }),
  startManyStack({ after }, { clusters, run: startInProcess, tls: secure }),
  startManyStack({ after }, { clusters, run: startInProcess, flags: rules }),
  startManyStack({ after }, { clusters, run: startInProcess, flags: ['--read-only', '--reject-paths='] }),
  startManyStack({ after }, { clusters, run: startInProcess, flags: ['--disable-filter'] }),
]);

const mounts = ['/clusters/a', decodedMountOf(arn), '/clusters/rancher'];
const pod = '/api/v1/namespaces/default/pods/web-0';
const { marked, ask, assertAsAtRoot } = asksBelowMounts(clusters);

for (const leg of ['plain', 'websocket'] as const) {
  test(`the default filter judges every spelling below a mount on the ${leg} leg`, async () => {
    for (const [index, target] of refusedSpellings.entries()) {
      const mount = mounts[index % mounts.length] as string;
      const { answer, arrived } = await ask(plain, mount, { leg, target });
      assertStatus(answer, 403, `${mount}${target}`);
      assert.deepEqual(arrived, [], `${mount}${target}`);
    }
    for (const target of ambiguousSpellings.filter(spelling => /^[/\\]/.test(spelling))) {
      const { answer, arrived } = await ask(plain, '/clusters/a', { leg, target });
      assertStatus(answer, 400, target);
      assert.deepEqual(arrived, [], target);
    }
    for (const target of harmlessSpellings) {
      const { answer, arrived } = await ask(plain, '/clusters/a', { leg, target });
      assert.equal(arrived.length, 1, `${target}: ${answer.raw.slice(0, 200)}`);
      assert.ok(arrived[0]?.startsWith(`a ${target.split('#')[0]}`), arrived[0]);
    }
  });
}

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

  test('rejects exec and attach below a mount in every spelling', async () => {
    for (const target of refusedSpellings.filter(spelling => /^[\x21-\x7e]+$/.test(spelling))) {
      const { code, arrived } = await ask2(`${decodedMountOf(arn)}${target}`);
      // A target may not contain a fragment sign over HTTP/2 either.
      assert.ok(code === 403 || (code === 400 && target.includes('#')), `${target}: ${code}`);
      assert.deepEqual(arrived, [], target);
    }
  });

  test('rejects a foreign authority or origin below a mount', async () => {
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

test('requests for several clusters on one connection each reach their own', async () => {
  const connection = await connectRaw(plain.port);
  const names = ['a', 'b', 'a', 'rancher', 'nope', 'b', 'one'];
  connection.write(
    names
      .map((name, index) => {
        const last = index === names.length - 1 ? 'Connection: close\r\n' : '';
        return `GET /clusters/${name}${pod}?pipelined=${index}. HTTP/1.1\r\nHost: localhost\r\n${last}\r\n`;
      })
      .join(''),
  );
  const codes = [...(await connection.untilClosed()).matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, code]) => code);
  assert.deepEqual(codes, ['200', '200', '200', '200', '404', '200', '200']);
  const arrived = clusters
    .arrivals('?pipelined=')
    .map(({ context, target }) => `${target.at(-2)} ${context}`);
  assert.deepEqual(arrived.sort(), ['0 a', '1 b', '2 a', '3 rancher', '5 b', '6 one']);
});
