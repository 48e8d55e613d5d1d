import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { send } from '../support/clients/http-client.js';
import { startFakeApiServer } from '../support/fake-api-server/fake-api-server.js';
import { packageJson, projectFile } from '../support/project.js';
import { startProgram, writeAdminKubeconfig } from '../support/proxy/proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const run = promisify(execFile);
const folder = temporaryFolder();

// npm has no cache and no registry here, so everything it needs must be in the package.
const env = {
  ...process.env,
  npm_config_cache: join(folder, 'cache'),
  npm_config_offline: 'true',
  npm_config_update_notifier: 'false',
};

/** Packs the folder that the build has made. Returns the package's path. */
async function pack(): Promise<{ readonly file: string; readonly files: readonly string[] }> {
  const args = ['pack', projectFile('build/package'), '--json', '--silent'];
  const { stdout } = await run('npm', args, { cwd: folder, env });
  const [packed] = JSON.parse(stdout) as { filename: string; files: { path: string }[] }[];
  assert.ok(packed);
  return { file: join(folder, packed.filename), files: packed.files.map(({ path }) => path) };
}

const packed = await pack();
const { version } = packageJson;

test('the package contains the bundle, its licence and its bill of materials, and nothing else', () => {
  for (const file of ['dist/main.js', 'dist/sbom.cdx.json', 'dist/THIRD-PARTY-LICENSES', 'LICENSE'])
    assert.ok(packed.files.includes(file), file);
  assert.deepEqual(packed.files.filter(file => !file.startsWith('dist/')).sort(), [
    'LICENSE',
    'README.md',
    'package.json',
  ]);
});

test("the package's manifest says what npm shows of a command, and names no package to install and no script to run", async () => {
  const manifest = JSON.parse(await packedText('package.json')) as Record<string, unknown>;
  assert.deepEqual(Object.keys(manifest).sort(), [
    ...['bin', 'description', 'engines', 'keywords', 'license', 'name', 'type', 'version'],
  ]);
  const project = packageJson as unknown as typeof manifest;
  for (const [field, value] of Object.entries(manifest)) assert.deepEqual(value, project[field], field);
  assert.ok((manifest['keywords'] as string[]).length > 0);
});

test('the README of the package links to its own sections and files alone, and names the others', async () => {
  const text = await packedText('README.md');
  const targets = [...text.matchAll(/\]\((?!https:)([^)]*)\)/g)].map(([, target = '']) => target);
  assert.deepEqual([...new Set(targets.filter(target => !target.startsWith('#')))], ['LICENSE']);
  assert.ok(targets.length > 5);
  assert.match(text, /\| CONTRIBUTING\.md \|/);
  assert.match(text, /the sidecar \(deploy\/sidecar\/README\.md\)/);
});

test('npm changes nothing of the checkout when it packs, installs or publishes: no script of package.json runs then', () => {
  const lifecycle = /^(?:pre|post)?(?:pack|prepare|install|publish|publishOnly|shrinkwrap|dependencies)$/;
  assert.deepEqual(
    Object.keys(packageJson.scripts).filter(name => lifecycle.test(name)),
    [],
  );
});

test('npx runs the package in an empty folder without a network', async () => {
  const empty = join(folder, 'empty');
  await mkdir(empty);
  const { stdout } = await run('npx', ['--yes', '--package', packed.file, 'kube-api-proxy', '--version'], {
    cwd: empty,
    env,
  });
  assert.equal(stdout, `kube-api-proxy ${version}\n`);
});

test('the installed package serves the API without other packages, even its rarely loaded parts', async t => {
  const prefix = join(folder, 'prefix');
  await run('npm', ['install', '--offline', '--prefix', prefix, '--global', packed.file], { env });
  const installed = await readFile(join(prefix, 'lib/node_modules/kube-api-proxy/package.json'), 'utf8');
  assert.deepEqual(Object.keys(JSON.parse(installed).bin), ['kube-api-proxy', 'kubectl-api_proxy']);
  const server = await startFakeApiServer();
  t.after(() => server.kill());
  const kubeconfig = await writeAdminKubeconfig(server);
  const command = [join(prefix, 'bin/kube-api-proxy'), `--kubeconfig=${kubeconfig.path}`];

  const proxy = await startProgram(command, [
    '--accept-hosts=^127(\\.\\d+){3}$',
    `--www=${projectFile('.')}`,
  ]);
  t.after(() => proxy.stop());
  assert.equal((await send(proxy.port, '/api/v1/namespaces/default/pods')).status, 200);
  assert.equal((await send(proxy.port, '/static/LICENSE')).status, 200);

  const socks = { HTTPS_PROXY: 'socks5://127.0.0.1:1', NO_PROXY: '' };
  const oidc = ['--oidc-issuer-url=https://127.0.0.1:1', '--oidc-client-id=test'];
  const behindSocks = await startProgram(command, oidc, socks);
  t.after(() => behindSocks.stop());
});

async function packedText(path: string): Promise<string> {
  const args = ['--extract', '--to-stdout', '--file', packed.file, `package/${path}`];
  return (await run('tar', args, { maxBuffer: 16 * 1024 * 1024 })).stdout;
}

test("the package's bill of materials lists the content of the bundle, with licences, and no tools", async () => {
  const bom = JSON.parse(await packedText('dist/sbom.cdx.json')) as {
    bomFormat: string;
    metadata: { component: { name: string; version: string } };
    components: { name: string; version: string; licenses?: object[]; hashes?: object[] }[];
  };
  assert.equal(bom.bomFormat, 'CycloneDX');
  const { component } = bom.metadata;
  assert.deepEqual([component.name, component.version], ['kube-api-proxy', version]);
  const names = bom.components.map(({ name }) => name);
  for (const name of [
    ...['fastify', '@fastify/http-proxy', '@marcbachmann/cel-js', 'yaml', 'prom-client', 'pino', 're2js'],
    ...['socks', 'preact'],
  ])
    assert.ok(names.includes(name), name);
  for (const name of ['typescript', 'esbuild', 'knip', 'tsx']) assert.ok(!names.includes(name), name);
  const licences = await packedText('dist/THIRD-PARTY-LICENSES');
  for (const { name, version, licenses = [], hashes = [] } of bom.components) {
    assert.deepEqual([name, licenses.length, hashes.length], [name, 1, 1]);
    assert.ok(licences.includes(`${name} ${version} (`), name);
  }
  const parts = licences.split(`\n\n${'-'.repeat(80)}\n\n`);
  assert.equal(parts.length, bom.components.length);
  for (const part of parts) assert.match(part, /^\S+ \d\S+ \([A-Z][^)]+\)(\n|$)/, part);
});
