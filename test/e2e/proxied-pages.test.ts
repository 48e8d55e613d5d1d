import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { ask, connectHttp2 } from '../support/http2-client.js';
import type { KubeconfigFile } from '../support/kubeconfig-file.js';
import { type ProxyProcess, startProxy } from '../support/proxy.js';
import { watchRaw } from '../support/raw-http.js';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.js';
import { createServingFiles, type ServingFiles } from '../support/serving-files.js';
import { type AttackRequest, type Leg, legs, toBytes } from './leg.js';

const sandbox = 'sandbox allow-scripts allow-forms allow-popups allow-downloads';
const own = "default-src 'self'";
const page = '/api/v1/namespaces/x/pods/y/proxy/';
const authorization = 'Bearer alice-token';

/** Every spelling that the API server, or a server before it, may read as a proxy subresource. */
const proxied = [
  page,
  page.slice(0, -1),
  `${page}?a=b`,
  `${page}deep/page.html`,
  `${page}api/v1/pods`,
  `${page}a%2Fb/%2e%2e;/`,
  '/api/v1/namespaces/x/pods/https:y:8443/proxy/',
  '/api/v1/namespaces/x/services/http:web:80/proxy/',
  '/api/v1/nodes/n/proxy/logs/',
  '/api/v1/nodes/n:10250/proxy/metrics',
  '/api/v1/namespaces/x/pods/y/PROXY/',
  '/api/v1/namespaces/x/pods/y/%70roxy/',
  '/api/v1/namespaces/x/pods/y/%2570roxy/',
  '/api/v1//namespaces/x/pods/y//proxy/',
  '//api/v1/namespaces/x/pods/y/proxy/',
  '/api/v1/namespaces/x/pods/y/proxy;v=1/',
  '/api/v1/namespaces/x/pods/y%2Fproxy/',
  '/api/v1/proxy/namespaces/x/pods/y/',
  '/apis/example.com/v1/namespaces/x/things/y/proxy/',
];
const others = [
  '/version',
  '/api/v1/namespaces/x/pods/y',
  '/api/v1/namespaces/x/pods/y/log',
  '/api/v1/namespaces/x/pods/my-proxy',
  '/api/v1/namespaces/x/pods?labelSelector=app/proxy/',
];

let folder: string;
let upstream: RawUpstream;
let kubeconfig: KubeconfigFile;
let files: ServingFiles;
/** Programs with and without authentication, and with each value of the flag. */
let authenticated: ProxyProcess;
let open: ProxyProcess;
let optedIn: ProxyProcess;
let optedOut: ProxyProcess;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pages-'));
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, 'alice-token,alice,,\n');
  upstream = await startRawUpstream(({ socket, method, values }) => {
    const [code = '200 OK'] = values('X-Code');
    const head = [
      `HTTP/1.1 ${code}`,
      `Content-Security-Policy: ${own}`,
      'Service-Worker-Allowed: /',
      'Location: /elsewhere',
      'Content-Length: 2',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${method === 'HEAD' ? '' : 'ok'}`);
  });
  kubeconfig = await upstream.writeKubeconfig();
  files = await createServingFiles();
  const args = [`--kubeconfig=${kubeconfig.path}`, '--reject-paths=', ...files.flags];
  const ask = `--token-auth-file=${tokens}`;
  [authenticated, open, optedIn, optedOut] = await Promise.all([
    startProxy([...args, ask]),
    startProxy(args),
    startProxy([...args, '--sandbox-proxied-pages']),
    startProxy([...args, ask, '--sandbox-proxied-pages=false']),
  ]);
});

after(async () => {
  await Promise.all([authenticated, open, optedIn, optedOut].map(proxy => proxy.stop('SIGKILL')));
  await upstream.close();
  await kubeconfig.remove();
  await files.remove();
  await rm(folder, { recursive: true });
});

/** The status and the fields of an answer over HTTP/1.1, names in lower case. */
async function overHttp1(
  { port }: ProxyProcess,
  request: AttackRequest,
): Promise<{ code: number; fields: string[][] }> {
  const connection = watchRaw(tls.connect({ port, ca: files.authority.certificate }));
  try {
    const headers = [`Authorization: ${authorization}`, ...(request.headers ?? [])];
    connection.write(toBytes({ ...request, headers }));
    const [head] = await connection.until(/^[\s\S]*?\r\n\r\n/);
    const [first = '', ...lines] = head.trim().split('\r\n');
    return {
      code: Number(first.split(' ')[1]),
      fields: lines.map(line => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 2),
      ]),
    };
  } finally {
    connection.destroy();
  }
}

function policies(fields: readonly (readonly string[])[]): (string | undefined)[] {
  return fields.filter(([name]) => name === 'content-security-policy').map(([, value]) => value);
}

test('every answer of a proxy subresource is sandboxed in addition to its own policy, on both legs', async () => {
  for (const leg of Object.keys(legs) as Leg[]) {
    for (const target of proxied) {
      const { code, fields } = await overHttp1(authenticated, { leg, target });
      assert.equal(code, 200, target);
      assert.deepEqual(policies(fields), [own, sandbox], `${leg} ${target}`);
      assert.ok(!fields.some(([name]) => name === 'service-worker-allowed'));
    }
    for (const code of ['302 Found', '401 Unauthorized', '404 Not Found', '500 Internal Server Error']) {
      const answer = await overHttp1(authenticated, { leg, target: page, headers: [`X-Code: ${code}`] });
      assert.equal(answer.code, Number(code.slice(0, 3)));
      assert.deepEqual(policies(answer.fields), [own, sandbox], `${leg} ${code}`);
    }
  }
  for (const method of ['HEAD', 'POST', 'DELETE', 'OPTIONS']) {
    const { fields } = await overHttp1(authenticated, { method, target: page });
    assert.deepEqual(policies(fields), [own, sandbox], method);
  }
});

test('every answer of a proxy subresource is sandboxed over HTTP/2', async () => {
  const session = await connectHttp2(authenticated.port, files.authority.certificate);
  try {
    for (const target of proxied) {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers } = await ask(session, target, {
          headers: { authorization, ':method': method },
        });
        assert.equal(status, 200, target);
        assert.equal(headers['content-security-policy'], `${own}, ${sandbox}`, `${method} ${target}`);
        assert.equal(headers['service-worker-allowed'], undefined);
      }
    }
    for (const target of others) {
      const { headers } = await ask(session, target, { headers: { authorization } });
      assert.equal(headers['content-security-policy'], own, target);
      assert.equal(headers['service-worker-allowed'], undefined);
    }
  } finally {
    session.destroy();
  }
});

test("the proxy's own rejections of a proxy subresource are sandboxed too", async () => {
  for (const leg of Object.keys(legs) as Leg[]) {
    const { code, fields } = await overHttp1(authenticated, {
      leg,
      target: page,
      host: ['Host: evil.example'],
    });
    assert.equal(code, 403);
    assert.deepEqual(policies(fields), [sandbox], leg);
  }
});

test('other answers keep only their own policy, and none lets a service worker leave its folder', async () => {
  for (const leg of Object.keys(legs) as Leg[]) {
    for (const target of others) {
      const { fields } = await overHttp1(authenticated, { leg, target });
      assert.deepEqual(policies(fields), [own], `${leg} ${target}`);
      assert.ok(!fields.some(([name]) => name === 'service-worker-allowed'));
    }
  }
});

test('pages are sandboxed if callers are authenticated or the flag says so', async () => {
  for (const [proxy, expected] of [
    [open, [own]],
    [optedIn, [own, sandbox]],
    [optedOut, [own]],
  ] as const) {
    for (const leg of ['plain', 'websocket'] as const) {
      const { fields } = await overHttp1(proxy, { leg, target: page });
      assert.deepEqual(policies(fields), expected, leg);
      assert.ok(!fields.some(([name]) => name === 'service-worker-allowed'));
    }
  }
});

test('requests of a sandboxed page have another origin: its writes and upgrades are rejected', async () => {
  for (const request of [
    { method: 'POST', target: page },
    { target: page, leg: 'websocket' },
    { target: '/api/v1/namespaces/x/pods/y/exec?command=id', leg: 'websocket' },
    { method: 'DELETE', target: '/api/v1/namespaces/x/pods/y' },
  ] as const) {
    const before = upstream.requests.length;
    const { code } = await overHttp1(authenticated, { ...request, headers: ['Origin: null'] });
    assert.equal(code, 403, request.target);
    assert.equal(upstream.requests.length, before);
  }
});
