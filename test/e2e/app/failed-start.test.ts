import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import pino from 'pino';
import { createProgram } from '../../../src/app/compose.js';
import { parseOptions } from '../../../src/options/parse.js';
import { createServingFiles, type ServingFiles } from '../../support/certificates/serving-files.js';
import { type ExecPlugin, isAlive, writeExecPlugin } from '../../support/identities/exec-plugin.js';
import { listen } from '../../support/ports.js';
import { type KubeconfigFile, writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { runProgram } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

let plugin: ExecPlugin;
let kubeconfig: KubeconfigFile;
let taken: net.Server;
let files: ServingFiles;
let folder: string;

before(async () => {
  plugin = await writeExecPlugin();
  await plugin.hang({ stubborn: false });
  kubeconfig = await writeKubeconfig({ server: 'https://127.0.0.1:1', user: { exec: plugin.exec() } });
  taken = net.createServer();
  await listen(taken);
  files = await createServingFiles();
  folder = temporaryFolder();
});
after(async () => {
  taken.close();
  await plugin.remove();
});

const failures: Readonly<Record<string, () => string[]>> = {
  'a part of it': () => ['--www=/nothing/here'],
  'an option': () => ['--port=x'],
  'its port': () => [`--port=${(taken.address() as AddressInfo).port}`],
  'its admin port': () => [`--admin-port=${(taken.address() as AddressInfo).port}`, '--port=0'],
};
for (const [what, args] of Object.entries(failures)) {
  test(`a start that fails because of ${what} ends the login that has begun`, async () => {
    const { code, stderr } = await runProgram([
      `--kubeconfig=${kubeconfig.path}`,
      '--admin-address=127.0.0.1',
      ...args(),
    ]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^kube-api-proxy: /m);
    assert.deepEqual(plugin.pids().filter(isAlive), []);
  });
}

test('a program that fails to start leaves no timer', async t => {
  const open = new Set<unknown>();
  const { setInterval: set, clearInterval: clear } = globalThis;
  t.mock.method(globalThis, 'setInterval', (...args: Parameters<typeof set>) => {
    const timer = set(...args);
    open.add(timer);
    return timer;
  });
  t.mock.method(globalThis, 'clearInterval', (timer: Parameters<typeof clear>[0]) => {
    open.delete(timer);
    clear(timer);
  });
  const tokens = join(folder, 'tokens.csv');
  await writeFile(tokens, 'secret,alice,1\n');
  const issuers = join(folder, 'issuers.yaml');
  await writeFile(
    issuers,
    'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt: []\n',
  );
  const { options } = parseOptions({
    argv: [
      '--server=http://127.0.0.1:1',
      ...files.flags,
      `--token-auth-file=${tokens}`,
      `--authentication-config=${issuers}`,
      '--authentication-token-webhook',
      `--audit-log-path=${join(folder, 'audit.log')}`,
      '--www=/nothing/here',
    ],
    env: {},
  });
  const created = await createProgram(options, {
    env: {},
    homedir: folder,
    version: '0',
    nodeVersion: '0',
    logger: pino({ level: 'silent' }),
  });
  assert.ok('problems' in created);
  assert.equal(created.problems.length, 1, created.problems.join('\n'));
  assert.equal(open.size, 0);
});
