import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseOptions } from '../../../src/options/parse.js';
import { optionKeys } from '../../../src/options/table.js';
import { kubectl, kubectlTest } from '../../support/clients/kubectl.js';
import { kubectlOptions } from '../../support/documents/generated-parts.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { projectFile } from '../../support/project.js';
import { startInProcess } from '../../support/proxy/in-process.js';
import { runProgram, startProxyFor, writeAdminKubeconfig } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

const folder = temporaryFolder();
const server = await startFakeApiServer();
after(() => server.kill());
const admin = await writeAdminKubeconfig(server);
/** The output of `--help`. */
const helpText = runProgram(['--help']);

async function getStatus(url: string): Promise<number> {
  const response = await fetch(url, { redirect: 'manual' });
  await response.arrayBuffer();
  return response.status;
}

test('flags are enough: --server needs no kubeconfig; --api-prefix serves the API under that prefix and nowhere else', async t => {
  const { certificate, key } = server.clientCertificate;
  const files = { ca: server.authority.certificate, certificate, key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const proxy = await startInProcess(t, [
    ...[`--server=${server.url}`, `--certificate-authority=${join(folder, 'ca')}`, '--api-prefix=a/b'],
    ...[`--client-certificate=${join(folder, 'certificate')}`, `--client-key=${join(folder, 'key')}`],
  ]);
  assert.equal(await getStatus(`${proxy.url}/a/b/api/v1/namespaces?prefix`), 200);
  assert.equal(await getStatus(`${proxy.url}/api/v1/namespaces?prefix`), 404);
  const arrived = server.requests.filter(({ rawUrl }) => rawUrl.endsWith('?prefix'));
  assert.deepEqual(
    arrived.map(({ rawUrl, user }) => [rawUrl, user?.username]),
    [['/api/v1/namespaces?prefix', 'admin']],
  );
});

test('--help and -h print the flags, and --version that of package.json, on standard output, and end with 0', async () => {
  const { version } = JSON.parse(await readFile(projectFile('package.json'), 'utf8')) as { version: string };
  const help = await helpText;
  assert.deepEqual(await runProgram(['-h']), help);
  const printed = await runProgram(['--version']);
  for (const { code, stderr } of [help, printed]) assert.deepEqual([code, stderr], [0, '']);
  assert.match(printed.stdout, new RegExp(`^\\S* ?v?${version.replaceAll('.', '\\.')}\n$`));
});

kubectlTest(
  'every flag of the installed kubectl proxy is accepted, and --help and flags.md have its own ones',
  async () => {
    const texts = await Promise.all([kubectl(['proxy', '--help']), kubectl(['options'])]);
    const [own = [], global = []] = texts.map(({ stdout }) => [
      ...stdout.matchAll(/^ {4}(?:-(\w), )?--([\w-]+)=(.*):$/gm),
    ]);
    assert.ok(own.length >= 13 && global.length > 17, `${own.length} and ${global.length}`);
    for (const [, letter, name, preset = ''] of [...own, ...global]) {
      const value = preset.replace(/^'(.*)'$|^\[\]$/, '$1');
      const argv = [`--${name}=${value}`, ...(letter === undefined ? [] : [`-${letter}=${value}`])];
      assert.deepEqual(parseOptions({ argv, env: {} }).problems, [], argv.join(' '));
    }
    const { stdout: help } = await helpText;
    for (const [, letter, name = '', preset = ''] of own) {
      const flag = `${letter === undefined ? '' : `-${letter}, `}--${name}`;
      const text = new RegExp(`^ *${flag}\\b[^\\n]*\\n((?: {6,}[^\\n]*\\n)+)`, 'm').exec(help)?.[1];
      const value = preset === 'false' ? '' : preset.replace(/^'(.*)'$/, '$1');
      assert.ok(text?.includes(value), `${flag} has another default than ${value}: ${text}`);
    }
    // kubectl does not list --help. Only newer versions have --as-user-extra, and since 1.36 --proxy-url.
    const names = [...own, ...global].map(([, , name = '']) => name);
    const shared = names.filter(name => optionKeys.has(name) && name !== 'as-user-extra');
    const all = new Set([...shared, 'help', 'proxy-url']);
    assert.deepEqual([...all].sort(), [...kubectlOptions].sort());
  },
);

test('standard output gets only the start-up line; the log is on standard error, with more lines by -v=6 and one that names what of kubectl is ignored', async t => {
  const flags = ['-v=6', '-n', 'team-a', '--cache-dir', folder, '--match-server-version'];
  const proxy = await startProxyFor(t, flags, { KUBECONFIG: admin.path });
  for (const path of ['/version', '/-/livez', '/api/v1/namespaces/default/pods/web-0/exec'])
    await getStatus(proxy.url + path);
  assert.equal((await proxy.stop()).code, 0);
  assert.equal(proxy.stdout(), `Starting to serve on 127.0.0.1:${proxy.port}\n`);
  const lines = proxy.log();
  assert.equal(lines.filter(({ path }) => path === '/version').length, 1, proxy.stderr());
  assert.ok(lines.some(({ level }) => level === 20));
  const ignored = lines.filter(({ flags }) => flags !== undefined).map(({ level, flags }) => [level, flags]);
  assert.deepEqual(ignored, [[40, ['--namespace', '--cache-dir', '--match-server-version']]]);
});
