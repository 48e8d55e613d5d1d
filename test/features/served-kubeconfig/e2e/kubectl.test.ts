import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { kubeconfigOf } from '../../../../src/features/served-kubeconfig/kubeconfig.js';
import { runAtOnce } from '../../../../src/lib/steps.js';
import { kubectl, kubectlTest } from '../../../support/clients/kubectl.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { hostileNames } from '../hostile-names.js';

interface Config {
  clusters: { name: string; cluster: { server: string } }[];
  contexts: { name: string; context: { cluster?: string; user?: string; namespace?: string } }[];
}

kubectlTest(
  'a kubeconfig for callers is read by kubectl with the same contexts, even with unusual names',
  async () => {
    const folder = temporaryFolder();
    const file = join(folder, 'hostile');
    const contexts = hostileNames.map((name, index) => ({
      name,
      path: `/clusters/${index}`,
      namespace: name,
    }));
    const users = [{ fields: { token: 'PASTE' }, isComplete: false, isPerCluster: true }];
    const facts = { address: 'https://gw.example', contexts, authority: 'PEM', users, isForStranger: false };
    await writeFile(file, runAtOnce(kubeconfigOf(facts)));
    const { stdout, stderr, code } = await kubectl(
      ['config', 'view', '--raw', '-o', 'json', '--kubeconfig', file],
      { env: { HOME: folder } },
    );
    assert.equal(code, 0, stderr);
    const config = JSON.parse(stdout) as Config;
    const serverOf = new Map(config.clusters.map(({ name, cluster }) => [name, cluster.server]));
    assert.deepEqual(new Set(config.contexts.map(({ name }) => name)), new Set(hostileNames));
    for (const { name, context } of config.contexts) {
      assert.equal(context.namespace ?? '', name);
      assert.equal(context.user ?? '', name);
      const index = hostileNames.indexOf(name);
      assert.equal(serverOf.get(context.cluster ?? ''), `https://gw.example/clusters/${index}`);
    }
  },
);
