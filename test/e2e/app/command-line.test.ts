import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { kubectl, kubectlTest } from '../../support/clients/kubectl.js';
import { eventually, within } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { projectFile } from '../../support/project.js';
import { type RunningProgram, startInProcess } from '../../support/proxy/in-process.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import {
  type ProxyProcess,
  runProgram,
  startProxy,
  writeAdminKubeconfig,
} from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folder = temporaryFolder();
const server = await startFakeApiServer({
  clientCertificates: 'optional',
  tokens: {
    'token-of-alice': { username: 'alice', groups: ['system:masters'] },
    'token-of-bob': { username: 'bob', groups: ['system:masters'] },
  },
  basic: { 'carol:pass:word': { username: 'carol', groups: ['system:masters'] } },
});
const admin = await writeAdminKubeconfig(server);
/** The output of `--help`. */
const helpText = runProgram(['--help']);

after(async () => {
  await server.kill();
});

/** A program that ends with the test, in this process; by default with the admin's kubeconfig. */
function start(
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>> = { KUBECONFIG: admin.path },
): Promise<RunningProgram> {
  return startInProcess(t, args, env);
}

/** The built program, for tests of its output. */
async function startProcess(
  t: TestContext,
  args: readonly string[],
  env: Readonly<Record<string, string>> = { KUBECONFIG: admin.path },
): Promise<ProxyProcess> {
  const proxy = await startProxy(args, env);
  t.after(() => proxy.stop('SIGKILL'));
  return proxy;
}

async function getStatus(url: string): Promise<number> {
  const response = await fetch(url, { redirect: 'manual' });
  await response.arrayBuffer();
  return response.status;
}

/** The user of the proxy at the API server. */
async function whoami(proxy: RunningProgram): Promise<unknown> {
  const response = await fetch(`${proxy.url}/apis/authentication.k8s.io/v1/selfsubjectreviews`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
  });
  const body = (await response.json()) as { message?: string; status?: { userInfo?: { username: string } } };
  return body.status?.userInfo?.username ?? body.message;
}

/** The path of a request at the API server; a mark in the query identifies it. */
async function pathAtServer(proxy: RunningProgram, path: string, mark: string): Promise<string | undefined> {
  await getStatus(`${proxy.url}${path}?${mark}`);
  return server.requests.find(({ rawUrl }) => rawUrl.endsWith(`?${mark}`))?.rawUrl.replace(`?${mark}`, '');
}

// Prefixes and static files

for (const prefix of ['/custom/', '/custom', 'custom', '/a/b/']) {
  test(`--api-prefix=${prefix} serves the API under that prefix and nowhere else`, async t => {
    const proxy = await start(t, [`--api-prefix=${prefix}`]);
    const rooted = `/${prefix.replace(/^\/|\/$/g, '')}`;
    const mark = `prefix=${encodeURIComponent(prefix)}`;
    assert.equal(await pathAtServer(proxy, `${rooted}/api/v1/namespaces`, mark), '/api/v1/namespaces');
    assert.equal(await getStatus(`${proxy.url}${rooted}/version`), 200);
    assert.equal(await getStatus(`${proxy.url}/version`), 404);
    assert.equal(await pathAtServer(proxy, '/api/v1/namespaces', `outside-${mark}`), undefined);
    assert.equal(await pathAtServer(proxy, `${rooted}x/api/v1/namespaces`, `beside-${mark}`), undefined);
  });
}

test('--api-prefix=/api/ serves only /api, as kubectl does', async t => {
  const proxy = await start(t, ['--api-prefix=/api/']);
  assert.equal(await pathAtServer(proxy, '/api/v1/namespaces', 'api-prefix'), '/api/v1/namespaces');
  assert.equal(await getStatus(`${proxy.url}/apis`), 404);
  assert.equal(await getStatus(`${proxy.url}/version`), 404);
});

test('the filter checks the path below the API prefix', async t => {
  const proxy = await start(t, ['--api-prefix=/custom/']);
  const path = '/custom/api/v1/namespaces/default/pods/web-0/exec?command=true';
  assert.equal(await getStatus(`${proxy.url}${path}`), 403);
});

test('--www serves a folder under /static/ next to the API', async t => {
  const www = join(folder, 'www');
  await mkdir(join(www, 'sub'), { recursive: true });
  await mkdir(join(www, 'indexed'), { recursive: true });
  await writeFile(join(www, 'page.html'), '<p>page</p>');
  await writeFile(join(www, 'sub', 'data.json'), '{}');
  await writeFile(join(www, 'indexed', 'index.html'), '<p>index</p>');
  const proxy = await start(t, [`--www=${www}`]);

  const page = await fetch(`${proxy.url}/static/page.html`);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('Content-Type') ?? '', /^text\/html/);
  assert.equal(await page.text(), '<p>page</p>');
  const data = await fetch(`${proxy.url}/static/sub/data.json`);
  assert.match(data.headers.get('Content-Type') ?? '', /^application\/json/);
  assert.equal(await (await fetch(`${proxy.url}/static/indexed/`)).text(), '<p>index</p>');
  assert.match(await (await fetch(`${proxy.url}/static/`)).text(), /page\.html/);
  const withoutSlash = await fetch(`${proxy.url}/static`, { redirect: 'manual' });
  assert.ok([301, 302, 307, 308].includes(withoutSlash.status), String(withoutSlash.status));
  assert.match(withoutSlash.headers.get('Location') ?? '', /static\/$/);
  assert.match(await (await fetch(`${proxy.url}/static/sub/`)).text(), /data\.json/);
  assert.equal(await getStatus(`${proxy.url}/static/missing`), 404);
  assert.equal(await getStatus(`${proxy.url}/static/missing/`), 404);
  assert.equal(await getStatus(`${proxy.url}/version`), 200);
});

test('-w and -P serve a folder under another prefix, and /static/ then goes to the API server', async t => {
  const www = join(folder, 'www-short');
  await mkdir(www, { recursive: true });
  await writeFile(join(www, 'page.txt'), 'page');
  const proxy = await start(t, ['-w', www, '-P', '/app']);
  assert.equal(await (await fetch(`${proxy.url}/app/page.txt`)).text(), 'page');
  assert.equal(await pathAtServer(proxy, '/static/page.txt', 'static'), '/static/page.txt');
  assert.equal(await pathAtServer(proxy, '/app/page.txt', 'app'), undefined);
});

test('--www takes a path relative to the working folder', async t => {
  const www = 'test';
  const proxy = await start(t, ['-w', www]);
  assert.equal(await getStatus(`${proxy.url}/static/tsconfig.json`), 200);
});

// The filter's flags

test('--accept-hosts replaces the default list of expressions', async t => {
  const proxy = await start(t, ['--accept-hosts=^gw\\.local$,^127\\.0\\.0\\.1$']);
  const named = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const options = { port: proxy.port, path: '/version', headers: { Host: host }, agent: false };
      http.get(options, response => resolve(response.resume().statusCode)).once('error', reject);
    });
  assert.equal(await named('gw.local'), 200);
  assert.equal(await named('gw.local:8001'), 200);
  assert.equal(await named('127.0.0.1'), 200);
  assert.equal(await named('localhost'), 403);
  assert.equal(await named('gwxlocal'), 403);
});

test('--accept-paths, --reject-paths and --reject-methods accept lists of expressions', async t => {
  const proxy = await start(t, [
    '--accept-paths=^/api/,^/version$',
    '--reject-paths=/secrets,/configmaps',
    '--reject-methods=DELETE,^P',
  ]);
  const pods = `${proxy.url}/api/v1/namespaces/default/pods`;
  assert.equal(await getStatus(pods), 200);
  assert.equal(await getStatus(`${proxy.url}/version`), 200);
  assert.equal(await getStatus(`${proxy.url}/apis`), 403);
  assert.equal(await getStatus(`${proxy.url}/api/v1/namespaces/default/secrets`), 403);
  assert.equal(await getStatus(`${proxy.url}/api/v1/configmaps`), 403);
  for (const method of ['DELETE', 'POST', 'PUT', 'PATCH']) {
    assert.equal((await fetch(`${pods}/web-0`, { method })).status, 403, method);
  }
});

test('--disable-filter accepts every host, path and method', async t => {
  const proxy = await start(t, ['--disable-filter', '--reject-methods=GET', '--accept-paths=^/nothing$']);
  assert.equal(await getStatus(`${proxy.url}/version`), 200);
  assert.equal(await getStatus(`http://localhost.localdomain:${proxy.port}/version`).catch(() => 200), 200);
});

// The API server and the credentials

test('flags are enough: --server needs no kubeconfig', async t => {
  const ca = join(folder, 'ca.crt');
  const certificate = join(folder, 'client.crt');
  const key = join(folder, 'client.key');
  await writeFile(ca, server.authority.certificate);
  await writeFile(certificate, server.clientCertificate.certificate);
  await writeFile(key, server.clientCertificate.key);
  const proxy = await start(
    t,
    [
      `--server=${server.url}`,
      `--certificate-authority=${ca}`,
      `--client-certificate=${certificate}`,
      `--client-key=${key}`,
    ],
    { HOME: folder },
  );
  assert.equal(await whoami(proxy), 'admin');
});

test("the path of the server's URL comes before the path of a request only with --append-server-path", async t => {
  const file = await writeAdminKubeconfig(server, { server: `${server.url}/k8s/clusters/c-1` });
  const plain = await start(t, ['--kubeconfig', file.path], {});
  assert.equal(await pathAtServer(plain, '/api/v1/nodes', 'not-appended'), '/api/v1/nodes');
  const appending = await start(t, ['--kubeconfig', file.path, '--append-server-path'], {});
  const appended = '/k8s/clusters/c-1/api/v1/nodes';
  assert.equal(await pathAtServer(appending, '/api/v1/nodes', 'appended'), appended);
  const pods = '/api/v1/namespaces/default/pods/web-0/exec';
  assert.equal(await getStatus(`${appending.url}${pods}`), 403, "the filter judges the client's path");
});

test('--request-timeout ends a request that the API server does not answer, but not a watch', async t => {
  const remove = server.intercept(request => request.url === '/hangs');
  t.after(remove);
  const holds = async (value: string, milliseconds: number) => {
    const proxy = await start(t, [`--request-timeout=${value}`]);
    const watch = await fetch(`${proxy.url}/api/v1/namespaces?watch=1`);
    const reader = (watch.body as ReadableStream<Uint8Array>).getReader();
    const startedAt = performance.now();
    const response = await fetch(`${proxy.url}/hangs`);
    assert.equal(response.status, 504);
    assert.equal(((await response.json()) as { kind: string }).kind, 'Status');
    const elapsed = performance.now() - startedAt;
    assert.ok(elapsed >= milliseconds - 10, `${elapsed} ms`);
    // The watch began before the request that has timed out.
    const name = `after-${value}`;
    const metadata = { name };
    await fetch(`${proxy.url}/api/v1/namespaces`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata }),
    });
    let seen = '';
    const event = async () => {
      while (!seen.includes(name)) {
        const { value: chunk, done } = await reader.read();
        assert.equal(done, false, 'the watch has ended');
        seen += Buffer.from(chunk ?? []).toString();
      }
    };
    await within('an event of the watch', event());
    await reader.cancel();
  };
  await Promise.all([holds('700ms', 700), holds('1', 1000)]);
});

test('a rejected value ends the program', async () => {
  const { code, stdout, stderr } = await runProgram(['--keepalive=10'], { KUBECONFIG: admin.path });
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^kube-api-proxy: .*--keepalive.*"10"[^\n]*\n$/);
});

test("kubectl's global flags are accepted: -v=6 logs more, and one line names those that are ignored", async t => {
  const proxy = await startProcess(t, [
    '-v=6',
    '-n',
    'team-a',
    '--cache_dir',
    folder,
    '--match-server-version',
  ]);
  assert.equal(await getStatus(`${proxy.url}/-/livez`), 200);
  await eventually('a line of level debug', () => proxy.log().some(({ level }) => level === 20));
  assert.deepEqual(
    proxy.log().flatMap(({ level, flags }) => (flags === undefined ? [] : [[level, flags]])),
    [[40, ['--namespace', '--cache-dir', '--match-server-version']]],
  );
});

// Environment and file

// Help, version and output

test('-h prints the same as --help, on standard output, and ends with 0', async () => {
  const help = await helpText;
  assert.equal(help.code, 0);
  assert.equal(help.stderr, '');
  assert.deepEqual(await runProgram(['-h']), help);
});

test('--version prints the version of package.json', async () => {
  const { version } = JSON.parse(await readFile(projectFile('package.json'), 'utf8')) as {
    version: string;
  };
  const { code, stdout, stderr } = await runProgram(['--version']);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  assert.match(stdout, new RegExp(`^\\S* ?v?${version.replaceAll('.', '\\.')}\n$`));
});

kubectlTest('--help lists every flag of kubectl proxy with its letter and default', async () => {
  const { stdout: theirs } = await kubectl(['proxy', '--help']);
  const { stdout: ours } = await helpText;
  const options = [...theirs.matchAll(/^ {4}(?:-(\w), )?--([\w-]+)=(.*):$/gm)];
  assert.ok(options.length >= 13, theirs);
  for (const [, letter, name = '', value = ''] of options) {
    const text = new RegExp(
      `^ *${letter === undefined ? '' : `-${letter}, `}--${name}\\b[^\\n]*\\n((?: {6,}[^\\n]*\\n)+)`,
      'm',
    ).exec(ours)?.[1];
    assert.ok(text !== undefined, `${name} is missing`);
    const preset = value.replace(/^'(.*)'$/, '$1');
    if (preset !== '' && preset !== 'false') {
      assert.ok(text.includes(preset), `--${name} has another default than ${preset}: ${text}`);
    }
  }
});

test('standard output gets only the start-up line, and the log is on standard error', async t => {
  const proxy = await startProcess(t, []);
  await getStatus(`${proxy.url}/version`);
  await getStatus(`${proxy.url}/api/v1/namespaces/default/pods/web-0/exec`);
  const { code } = await proxy.stop();
  assert.equal(code, 0);
  assert.equal(proxy.stdout(), `Starting to serve on 127.0.0.1:${proxy.port}\n`);
  const requests = proxy.log().filter(line => line['path'] === '/version');
  assert.equal(requests.length, 1, proxy.stderr());
});

test('no secret of the command line, the environment or a request appears in the log', async t => {
  const file = await writeKubeconfig({ server: server.url, ca: server.authority.certificate });
  const proxy = await startProcess(
    t,
    ['--kubeconfig', file.path, '--token=token-of-alice', '--log-level=trace'],
    {},
  );
  await fetch(`${proxy.url}/version`, { headers: { Authorization: 'Bearer of-the-client' } });
  await getStatus(`${proxy.url}/version`);
  await proxy.stop();
  assert.ok(proxy.log().length >= 2);
  for (const secret of ['token-of-alice', 'of-the-client']) assert.ok(!proxy.stderr().includes(secret));
});
