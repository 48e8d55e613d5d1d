import assert from 'node:assert/strict';
import net, { type AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { type ExecPlugin, isAlive, writeExecPlugin } from '../../support/identities/exec-plugin.js';
import { listen } from '../../support/ports.js';
import { type KubeconfigFile, writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { runProgram } from '../../support/proxy/proxy.js';

let plugin: ExecPlugin;
let kubeconfig: KubeconfigFile;
let taken: net.Server;

before(async () => {
  plugin = await writeExecPlugin();
  await plugin.hang({ stubborn: false });
  kubeconfig = await writeKubeconfig({ server: 'https://127.0.0.1:1', user: { exec: plugin.exec() } });
  taken = net.createServer();
  await listen(taken);
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
