import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pluginPolicyFile } from '../../src/kubeconfig/load.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const head = 'apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n';
const allowlist = 'credentialPluginAllowlist:\n- name: aws\n';

describe("kubectl's file of preferences", () => {
  it('is told if it says which credential plugins kubectl may run, and only then', async () => {
    const homedir = temporaryFolder();
    const file = join(homedir, 'other');
    for (const [text, isTold] of [
      [`${head}credentialPluginPolicy: Allowlist\n${allowlist}`, true],
      [`${head}${allowlist}`, true],
      [`${head}credentialPluginPolicy: DenyAll\n`, true],
      [`${head}credentialPluginPolicy: AllowAll\n`, false],
      [`${head}credentialPluginAllowlist: []\n`, false],
      [`${head}defaults: []\n`, false],
      ['', false],
      ['{', false],
      ['- a', false],
    ] as const) {
      await writeFile(file, text);
      assert.equal(await pluginPolicyFile({ env: file, homedir }), isTold ? file : undefined, text);
    }
  });

  it('is that of the variable, or of the home folder, if there is one', async () => {
    const homedir = temporaryFolder();
    await mkdir(join(homedir, '.kube'));
    const file = join(homedir, '.kube', 'kuberc');
    assert.equal(await pluginPolicyFile({ env: undefined, homedir }), undefined);
    await writeFile(file, `${head}credentialPluginPolicy: DenyAll\n`);
    for (const env of [undefined, '']) assert.equal(await pluginPolicyFile({ env, homedir }), file);
    assert.equal(await pluginPolicyFile({ env: 'off', homedir }), undefined);
    assert.equal(await pluginPolicyFile({ env: join(homedir, 'none'), homedir }), undefined);
    assert.equal(await pluginPolicyFile({ env: '', homedir: '' }), undefined);
  });
});
