import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { type CertificatePair, createCertificateAuthority } from '../../support/certificates/certificates.js';
import { startUpProblems } from '../../support/proxy/in-process.js';
import { runProgram, startProxy } from '../../support/proxy/proxy.js';

let folder: string;
let ca: string;
let client: CertificatePair;
let stranger: CertificatePair;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-up-'));
  const authority = await createCertificateAuthority();
  ca = authority.certificate;
  client = await authority.client();
  stranger = await authority.client({ commonName: 'stranger' });
});

after(() => rm(folder, { recursive: true, force: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');

interface Entries {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
  readonly current?: string;
}

/** A valid kubeconfig in its own folder, in which the given entries replace the valid ones. */
async function writeConfig({ cluster, user, context, current = 'here' }: Entries): Promise<string> {
  const file = join(await mkdtemp(join(folder, 'kubeconfig-')), 'config');
  const clusters = cluster ?? {
    server: 'https://127.0.0.1:6443',
    'certificate-authority-data': base64(ca),
  };
  const users = user ?? {
    'client-certificate-data': base64(client.certificate),
    'client-key-data': base64(client.key),
  };
  await writeFile(
    file,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'the-cluster', cluster: clusters }],
      users: [{ name: 'the-user', user: users }],
      contexts: [{ name: 'here', context: context ?? { cluster: 'the-cluster', user: 'the-user' } }],
      'current-context': current,
    }),
  );
  return file;
}

/** The start-up problems that the program's parts report. None may contain a stack or a secret. */
async function problems(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<readonly string[]> {
  const all = await startUpProblems(args, { HOME: folder, ...env });
  all.forEach(assertHarmless);
  return all;
}

/** The same, from the lines that the program prints. It must exit with 1, and print nothing else. */
async function printedProblems(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string[]> {
  const { code, signal, stdout, stderr } = await runProgram(args, { HOME: folder, ...env });
  assert.equal(code, 1, `ended with ${code ?? signal}: ${stdout}${stderr}`);
  assert.equal(stdout, '');
  assert.match(stderr, /\n$/);
  const lines = stderr.slice(0, -1).split('\n');
  for (const line of lines) {
    assert.match(line, /^kube-api-proxy: \S/, 'every line begins with the name of the program');
    assertHarmless(line);
  }
  return lines;
}

function assertHarmless(line: string): void {
  assert.doesNotMatch(line, /^\s+at |\.js:\d+|node:internal|\bError:/);
  assert.doesNotMatch(line, /BEGIN|PRIVATE KEY|s3cret/);
  assert.ok(!line.includes(base64(client.key).slice(0, 40)));
}

async function problem(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  return only(await problems(args, env));
}

async function printedProblem(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  return only(await printedProblems(args, env));
}

function only(lines: readonly string[]): string {
  assert.equal(lines.length, 1, lines.join('\n'));
  return lines[0] as string;
}

/** The same, for a faulty program that would keep running: it is stopped, and the test fails. */
async function listeningProblem(t: TestContext, args: readonly string[]): Promise<string> {
  const start = startProxy(args);
  t.after(() => start.then(proxy => proxy.stop('SIGKILL')).catch(() => {}));
  const outcome = await start.then(
    proxy => `it serves on ${proxy.address}`,
    ({ message }: Error) => message,
  );
  assert.match(outcome, /^the program ended with 1: kube-api-proxy: [^\n]+\n$/);
  return outcome;
}

function assertNames(line: string, ...texts: string[]): void {
  for (const text of texts) assert.ok(line.includes(text), `${JSON.stringify(text)} is not in: ${line}`);
}

// The kubeconfig's files

test('a home without a kubeconfig is reported with the searched file', async () => {
  const home = await mkdtemp(join(folder, 'home-'));
  const line = await printedProblem([], { HOME: home });
  assertNames(line, join(home, '.kube', 'config'), '--kubeconfig');
});

test('a bad flag is reported alone, although there is no kubeconfig either', async () => {
  const HOME = await mkdtemp(join(folder, 'home-'));
  for (const [flag, named] of [
    ['--prot=1', '--prot'],
    ['--port=x', '--port'],
    ['--www=/nowhere/at/all', '--www'],
    ['--tls-cert-file=/nowhere/tls.crt', '--tls-private-key-file'],
  ] as const) {
    assertNames(await problem([flag], { HOME }), named);
    assertNames(await printedProblem([flag], { HOME }), named);
  }
});

test('a KUBECONFIG list of missing files is reported with every one of them', async () => {
  const [one, other] = [join(folder, 'missing-1'), join(folder, 'missing-2')];
  assertNames(await problem([], { KUBECONFIG: `${one}:${other}` }), one, other);
});

test('a missing --kubeconfig is reported with flag and file', async () => {
  const file = join(folder, 'missing');
  assertNames(await problem(['--kubeconfig', file]), '--kubeconfig', file, 'no such file');
});

test('a --kubeconfig that is a folder is reported with flag and file', async () => {
  assertNames(await problem(['--kubeconfig', folder]), '--kubeconfig', folder, 'directory');
});

test('an unreadable --kubeconfig is reported with flag and file', async t => {
  if (process.getuid?.() === 0) return t.skip('root may read everything');
  const file = await writeConfig({});
  await chmod(file, 0);
  assertNames(await problem(['--kubeconfig', file]), '--kubeconfig', file, 'permission denied');
});

test('a path through a file is reported with flag and file', async () => {
  const file = join(await writeConfig({}), 'below');
  assertNames(await problem(['--kubeconfig', file]), '--kubeconfig', file);
});

test('a folder in the KUBECONFIG list is reported, even if the other file would be enough', async () => {
  const file = await writeConfig({});
  assertNames(await problem([], { KUBECONFIG: `${file}:${folder}` }), folder, 'directory');
});

test('a YAML error is reported with file and line and without the text', async () => {
  const file = join(folder, 'broken.yaml');
  await writeFile(file, 'apiVersion: v1\nkind: Config\nusers:\n- name: x\n  user: {token: "s3cret\n');
  const line = await problem(['--kubeconfig', file]);
  assert.match(line, /broken\.yaml:[56]\b/);
});

test('a tab in the indentation is reported with its line', async () => {
  const file = join(folder, 'tab.yaml');
  await writeFile(file, 'apiVersion: v1\nclusters:\n\t- name: x\n');
  assert.match(await problem(['--kubeconfig', file]), /tab\.yaml:3\b/);
});

test('a JSON error is reported with file and line', async () => {
  const file = join(folder, 'broken.json');
  await writeFile(file, '{\n "apiVersion": "v1",\n "kind": "Config",\n "users": [}\n');
  assert.match(await problem(['--kubeconfig', file]), /broken\.json:4\b/);
});

test('a file that is not a kubeconfig is reported with file and line', async () => {
  const file = join(folder, 'pod.yaml');
  await writeFile(file, 'apiVersion: v1\nkind: Pod\n');
  assert.match(await problem(['--kubeconfig', file]), /pod\.yaml:2\b.*kind/);
  const list = join(folder, 'list.yaml');
  await writeFile(list, '- a\n- b\n');
  assertNames(await problem(['--kubeconfig', list]), list);
});

test('a field of another shape is reported with file, line and field', async () => {
  const file = join(folder, 'shape.yaml');
  await writeFile(file, 'clusters:\n- name: x\n  cluster:\n    server: [s3cret]\n');
  assert.match(await problem(['--kubeconfig', file]), /shape\.yaml:4\b.*server/);
});

// Context, cluster, user

test('an unknown context is reported with flag, name and the existing names', async () => {
  const file = await writeConfig({});
  assertNames(
    await problem(['--kubeconfig', file, '--context=elsewhere']),
    '--context',
    '"elsewhere"',
    file,
    'here',
  );
});

test('a current-context that does not exist is reported with name and file', async () => {
  const file = await writeConfig({ current: 'gone' });
  assertNames(await problem(['--kubeconfig', file]), 'current-context', '"gone"', file);
});

test('a kubeconfig without a current-context is reported with the flag that would help', async () => {
  const file = await writeConfig({ current: '' });
  assertNames(await problem(['--kubeconfig', file]), 'current-context', '--context', file);
});

test('a context without a cluster or without a user is reported with its name and file', async () => {
  const withoutCluster = await writeConfig({ context: { user: 'the-user' } });
  assertNames(await problem(['--kubeconfig', withoutCluster]), '"here"', withoutCluster, 'cluster');
  const withoutUser = await writeConfig({ context: { cluster: 'the-cluster' } });
  assertNames(await problem(['--kubeconfig', withoutUser]), '"here"', withoutUser, 'user');
});

test('a context whose cluster and user do not exist is reported once for each', async () => {
  const file = await writeConfig({ context: { cluster: 'no-cluster', user: 'no-user' } });
  const lines = await problems(['--kubeconfig', file]);
  assert.equal(lines.length, 2, lines.join('\n'));
  assertNames(lines[0] as string, '"no-cluster"', '"here"');
  assertNames(lines[1] as string, '"no-user"', '"here"');
});

for (const [flag, known] of [
  ['--cluster', 'the-cluster'],
  ['--user', 'the-user'],
] as const) {
  test(`an unknown name in ${flag} is reported with flag, name and the existing names`, async () => {
    const file = await writeConfig({});
    assertNames(await problem(['--kubeconfig', file, `${flag}=nobody`]), flag, '"nobody"', known);
  });
}

test('a cluster without a server is reported with its name and file', async () => {
  const file = await writeConfig({ cluster: { 'certificate-authority-data': base64(ca) } });
  assertNames(await problem(['--kubeconfig', file]), '"the-cluster"', file, 'server');
});

test('a server that cannot be used is reported with its field, and with its value if that is a URL', async () => {
  const file = await writeConfig({ cluster: { server: 'ftp://127.0.0.1' } });
  assertNames(await problem(['--kubeconfig', file]), 'server', '"the-cluster"', 'ftp://127.0.0.1');
  const right = await writeConfig({});
  assertNames(await problem(['--kubeconfig', right, '--server=https://']), '--server is not a URL');
});

// Certificates, keys and tokens

test('a key that does not match its certificate is reported with both', async () => {
  const file = await writeConfig({
    user: {
      'client-certificate-data': base64(client.certificate),
      'client-key-data': base64(stranger.key),
    },
  });
  assertNames(
    await printedProblem(['--kubeconfig', file]),
    'client-key-data',
    'client-certificate-data',
    '"the-user"',
    file,
    'match',
  );
});

test('a key file that does not match its certificate file is reported with both files', async () => {
  const [certificate, key] = [join(folder, 'mine.crt'), join(folder, 'theirs.key')];
  await writeFile(certificate, client.certificate);
  await writeFile(key, stranger.key);
  const file = await writeConfig({});
  const args = ['--client-certificate', certificate, '--client-key', key];
  assertNames(await problem(['--kubeconfig', file, ...args]), certificate, key, 'match');
});

test('a certificate without a key, and a key without a certificate, are reported', async () => {
  const onlyCertificate = await writeConfig({
    user: { 'client-certificate-data': base64(client.certificate) },
  });
  assertNames(await problem(['--kubeconfig', onlyCertificate]), '"the-user"', 'client-key');
  const onlyKey = await writeConfig({ user: { 'client-key-data': base64(client.key) } });
  assertNames(await problem(['--kubeconfig', onlyKey]), '"the-user"', 'client-certificate');
});

for (const field of ['certificate-authority-data', 'client-certificate-data', 'client-key-data'] as const) {
  test(`a ${field} that is not base64 is reported with field, entry and file`, async () => {
    const cluster = { server: 'https://127.0.0.1:6443', 'certificate-authority-data': base64(ca) };
    const user = {
      'client-certificate-data': base64(client.certificate),
      'client-key-data': base64(client.key),
    };
    const bad = { [field]: '!s3cret!' };
    const inCluster = field === 'certificate-authority-data';
    const file = await writeConfig(
      inCluster ? { cluster: { ...cluster, ...bad } } : { user: { ...user, ...bad } },
    );
    assertNames(await problem(['--kubeconfig', file]), field, file, 'base64');
  });

  test(`a ${field} that contains no PEM is reported with field, entry and file`, async () => {
    const cluster = { server: 'https://127.0.0.1:6443', 'certificate-authority-data': base64(ca) };
    const user = {
      'client-certificate-data': base64(client.certificate),
      'client-key-data': base64(client.key),
    };
    const bad = { [field]: base64('s3cret') };
    const inCluster = field === 'certificate-authority-data';
    const file = await writeConfig(
      inCluster ? { cluster: { ...cluster, ...bad } } : { user: { ...user, ...bad } },
    );
    assertNames(await problem(['--kubeconfig', file]), field, file);
  });
}

for (const [field, flag, entry] of [
  ['certificate-authority', '--certificate-authority', 'cluster'],
  ['client-certificate', '--client-certificate', 'user'],
  ['client-key', '--client-key', 'user'],
] as const) {
  test(`a missing ${field} file is reported with its field and absolute path`, async () => {
    const cluster = { server: 'https://127.0.0.1:6443', [field]: 'gone.pem' };
    const user = {
      'client-certificate-data': base64(client.certificate),
      'client-key-data': base64(client.key),
      [field]: 'gone.pem',
    };
    if (entry === 'user') delete (user as Record<string, string>)[`${field}-data`];
    const file = await writeConfig(entry === 'cluster' ? { cluster } : { user });
    const gone = join(file, '..', 'gone.pem');
    assertNames(await problem(['--kubeconfig', file]), field, gone, 'no such file');
  });

  test(`a missing file in ${flag} is reported with it`, async () => {
    const file = await writeConfig({});
    const gone = join(folder, 'gone.pem');
    assertNames(await problem(['--kubeconfig', file, flag, gone]), field, gone, 'no such file');
  });
}

test('a missing tokenFile is reported with its absolute path', async () => {
  const file = await writeConfig({ user: { tokenFile: 'token' } });
  assertNames(await problem(['--kubeconfig', file]), 'tokenFile', join(file, '..', 'token'), 'no such file');
});

test('an empty tokenFile is reported with its path', async () => {
  const token = join(folder, 'empty-token');
  await writeFile(token, '\n');
  const file = await writeConfig({ user: { tokenFile: token } });
  assertNames(await problem(['--kubeconfig', file]), 'tokenFile', token, 'empty');
});

test('a token with a line break in it is reported without the token', async () => {
  const file = await writeConfig({ user: { token: 's3cret\nX-Injected: yes' } });
  assertNames(await printedProblem(['--kubeconfig', file]), 'token');
});

test('a token and a password together are reported with the user', async () => {
  const file = await writeConfig({ user: { token: 's3cret', username: 'x', password: 's3cret' } });
  assertNames(await problem(['--kubeconfig', file]), '"the-user"', file);
});

test('an authority together with insecure-skip-tls-verify is reported with the cluster', async () => {
  const file = await writeConfig({
    cluster: {
      server: 'https://127.0.0.1:6443',
      'certificate-authority-data': base64(ca),
      'insecure-skip-tls-verify': true,
    },
  });
  assertNames(await problem(['--kubeconfig', file]), '"the-cluster"', file, 'insecure-skip-tls-verify');
});

// Flags

for (const flag of ['--accept-hosts', '--accept-paths', '--reject-paths', '--reject-methods']) {
  test(`an expression in ${flag} that does not compile is reported with flag and expression`, async () => {
    const file = await writeConfig({});
    assertNames(await problem(['--kubeconfig', file, `${flag}=^ok$,a(b`]), flag, 'a(b');
  });
}

test('an expression that JavaScript accepts and Go does not is rejected', async () => {
  const file = await writeConfig({});
  assertNames(await problem(['--kubeconfig', file, '--reject-paths=^/api(?=/v1)']), '--reject-paths', '(?=');
});

test('an unknown flag is reported with its name and a similar one', async () => {
  const file = await writeConfig({});
  assertNames(await problem(['--kubeconfig', file, '--acept-hosts=x']), '--acept-hosts', '--accept-hosts');
  assertNames(await problem(['--kubeconfig', file, '--nonsense']), '--nonsense');
  assertNames(await problem(['--kubeconfig', file, '-z']), "'z'");
  assertNames(await problem(['--kubeconfig', file, '--tokn=s3cret']), '--tokn');
  assertNames(await printedProblem(['--kubeconfig', file, '--tokn', 's3cret']), '--tokn');
});

test('a flag without its value is reported with its name', async () => {
  const KUBECONFIG = await writeConfig({});
  assertNames(await problem(['--context'], { KUBECONFIG }), '--context');
  assertNames(await problem(['-p'], { KUBECONFIG }), '-p');
});

test('a port in use is reported with address and port', async t => {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  t.after(() => listener.close());
  const { port } = listener.address() as AddressInfo;
  const file = await writeConfig({});
  assertNames(
    await printedProblem(['--kubeconfig', file, `--port=${port}`]),
    '--port',
    String(port),
    'in use',
  );
});

test('a Unix socket that another program listens on is reported with its path, and that program keeps it', async t => {
  const path = join(folder, 'in-use');
  const listener = net.createServer(socket => socket.on('error', () => {}).end('theirs')).listen(path);
  await once(listener, 'listening');
  t.after(() => listener.close());
  const file = await writeConfig({});
  const line = await listeningProblem(t, ['--kubeconfig', file, '-u', path]);
  assertNames(line, '--unix-socket', path, 'in use');
  const client = net.connect(path);
  const [data] = (await once(client, 'data')) as [Buffer];
  assert.equal(data.toString(), 'theirs');
});

test('a Unix socket in a folder that is missing or closed is reported with its path', async t => {
  const file = await writeConfig({});
  const missing = join(folder, 'no-such-folder', 'socket');
  assertNames(await printedProblem(['--kubeconfig', file, '-u', missing]), '--unix-socket', missing);
  if (process.getuid?.() === 0) return t.skip('root may write everywhere');
  const closed = join(folder, 'closed');
  await mkdir(closed, { mode: 0o500 });
  assertNames(
    await printedProblem(['--kubeconfig', file, '-u', join(closed, 'socket')]),
    '--unix-socket',
    closed,
  );
});

test('a Unix socket path that is too long for the system is reported with it', async t => {
  const file = await writeConfig({});
  const path = join(folder, 'x'.repeat(120));
  const line = await listeningProblem(t, ['--kubeconfig', file, '-u', path]);
  assertNames(line, '--unix-socket', path);
});

test('a --www that is missing, or a file, is reported with flag and value', async () => {
  const file = await writeConfig({});
  for (const www of [join(folder, 'no-www'), file]) {
    assertNames(await problem(['--kubeconfig', file, '--www', www]), '--www', www);
  }
});

test('a missing --config is reported with flag and file', async () => {
  const KUBECONFIG = await writeConfig({});
  const config = join(folder, 'no-config.yaml');
  assertNames(await problem(['--config', config], { KUBECONFIG }), '--config', config, 'no such file');
});

// Several at once

test('mistakes in several flags are reported together, one line each', async () => {
  const file = await writeConfig({});
  const lines = await problems([
    ...['--kubeconfig', file, '--port=99999', '--accept-hosts=(', '--reject-paths=ok,[', '--nonsense'],
    ...['--keepalive=x'],
  ]);
  assert.equal(lines.length, 5, lines.join('\n'));
  for (const name of ['--port', '--accept-hosts', '--reject-paths', '--nonsense', '--keepalive']) {
    assert.ok(
      lines.some(line => line.includes(name)),
      name,
    );
  }
});

test('mistakes in the kubeconfig are reported together, one line each', async () => {
  const file = await writeConfig({
    cluster: { server: 'https://127.0.0.1:6443', 'certificate-authority': 'gone-ca.pem' },
    user: { 'client-certificate': 'gone.crt', 'client-key': 'gone.key' },
  });
  const lines = await printedProblems(['--kubeconfig', file, '--www=/nonexistent-folder']);
  assert.equal(lines.length, 4, lines.join('\n'));
  for (const name of ['gone-ca.pem', 'gone.crt', 'gone.key', '/nonexistent-folder']) {
    assert.ok(
      lines.some(line => line.includes(name)),
      name,
    );
  }
});

test('a mistake in a flag and one in the kubeconfig are reported together', async () => {
  const file = join(folder, 'gone-kubeconfig');
  const lines = await printedProblems(['--kubeconfig', file, '--port=99999']);
  assert.equal(lines.length, 2, lines.join('\n'));
});

test('mistakes in several files in the KUBECONFIG list are reported together', async () => {
  const [one, other] = [join(folder, 'one.yaml'), join(folder, 'other.yaml')];
  await writeFile(one, 'clusters: {\n');
  await writeFile(other, 'kind: Pod\n');
  const lines = await problems([], { KUBECONFIG: `${one}:${other}` });
  assert.equal(lines.length, 2, lines.join('\n'));
  assertNames(lines[0] as string, `${one}:`);
  assertNames(lines[1] as string, `${other}:1`);
});

// Open access

test('listening beyond loopback without authentication is reported with the possible solutions', async () => {
  const file = await writeConfig({});
  const line = await problem(['--kubeconfig', file, '--port=0', '--address=0.0.0.0']);
  assertNames(line, '--address', '"0.0.0.0"', '--unix-socket', '--insecure-allow-unauthenticated');
});

test('open access starts with --insecure-allow-unauthenticated, and is logged', async t => {
  const file = await writeConfig({});
  const proxy = await startProxy([
    ...['--kubeconfig', file, '--address=0.0.0.0'],
    '--insecure-allow-unauthenticated',
  ]);
  t.after(() => proxy.stop('SIGKILL'));
  assert.match(proxy.address, /^0\.0\.0\.0:\d+$/);
  await proxy.stop();
  assert.match(proxy.stderr(), /no authentication: everyone who reaches this address/);
});
