import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { before, type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { type CertificatePair, createCertificateAuthority } from '../../support/certificates/certificates.js';
import { listen } from '../../support/ports.js';
import { startUpProblems } from '../../support/proxy/in-process.js';
import { runProgram, startProxy } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

let folder: string;
let ca: string;
let client: CertificatePair;

before(async () => {
  folder = temporaryFolder();
  const authority = await createCertificateAuthority();
  ca = authority.certificate;
  client = await authority.client();
});

const base64 = (text: string) => Buffer.from(text).toString('base64');

interface Entries {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
}

/** A kubeconfig in its own folder, in which the given entries replace the valid ones. */
async function writeConfig({ cluster, user }: Entries): Promise<string> {
  const file = join(temporaryFolder(), 'config');
  const clusters = cluster ?? { server: 'https://127.0.0.1:6443', 'certificate-authority-data': base64(ca) };
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
      contexts: [{ name: 'here', context: { cluster: 'the-cluster', user: 'the-user' } }],
      'current-context': 'here',
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
  const home = temporaryFolder();
  const line = await printedProblem([], { HOME: home });
  assertNames(line, join(home, '.kube', 'config'), '--kubeconfig');
});

test('a bad flag is reported alone, although there is no kubeconfig either', async () => {
  const HOME = temporaryFolder();
  for (const [flag, named] of [
    ['--prot=1', '--prot'],
    ['--port=x', '--port'],
    ['--www=/nowhere/at/all', '--www'],
  ] as const) {
    assertNames(await problem([flag], { HOME }), named);
  }
});

// Flags

test('a port in use is reported with address and port', async t => {
  const listener = net.createServer();
  const port = await listen(listener);
  t.after(() => listener.close());
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
  assert.equal(await text(net.connect(path)), 'theirs');
});

test('a Unix socket in a folder that is missing or closed is reported with its path', async t => {
  const file = await writeConfig({});
  const missing = join(folder, 'no-such-folder', 'socket');
  const below = join(file, 'socket');
  for (const [socket, folder] of [
    [missing, dirname(missing)],
    [below, file],
  ] as const) {
    const line = await printedProblem(['--kubeconfig', file, '-u', socket]);
    assertNames(line, `--unix-socket: ${socket} cannot be made: there is no folder ${folder}`);
  }
  if (process.getuid?.() === 0) return t.skip('root may write everywhere');
  const closed = join(folder, 'closed');
  await mkdir(closed, { mode: 0o500 });
  assertNames(
    await printedProblem(['--kubeconfig', file, '-u', join(closed, 'socket')]),
    '--unix-socket',
    closed,
  );
});

// Several at once

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

// Open access

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
