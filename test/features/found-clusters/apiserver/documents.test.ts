import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from '../../../apiserver/kubectl-stack.js';
import { send } from '../../../support/clients/http-client.js';
import { blocksOf, textOf } from '../../../support/documents/texts.js';
import { eventuallyPasses } from '../../../support/eventually.js';
import { startOwnApiServer } from '../../../support/kube-apiserver/run.js';
import { startInProcess } from '../../../support/proxy/in-process.js';
import { temporaryFolder } from '../../../support/temporary-folder.js';
import { definition, definitions, group } from '../profile-definition.js';

const [, section = ''] =
  /^## Clusters that are found$([\s\S]*?)^## /m.exec(textOf('deploy/reference/clusters.md')) ?? [];

test('the examples of the reference serve a cluster of each kind', async (t, spoke) => {
  const { server: hub } = await startOwnApiServer(t, spoke);
  const folder = temporaryFolder();
  const kubeconfig = await hub.kubeconfig();
  await copyFile(await spoke.kubeconfig(), join(folder, 'prod.kubeconfig'));
  await hub.admin.do('POST', '/api/v1/namespaces', { metadata: { name: 'fleet' } });
  await hub.admin.do('POST', definitions, definition('v1alpha1'));
  const profiles = `/apis/${group}/v1alpha1/namespaces/fleet/clusterprofiles`;
  await eventuallyPasses(async () => assert.equal((await hub.admin.ask('GET', profiles)).status, 200));
  const spec = { displayName: 'prod', clusterManager: { name: 'fleet' } };
  await hub.admin.do('POST', profiles, {
    ...{ apiVersion: `${group}/v1alpha1`, kind: 'ClusterProfile', metadata: { name: 'prod' }, spec },
  });
  const { certificate, key } = await spoke.authority.client({ organizations: ['system:masters'] });
  const answer = {
    ...{ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential' },
    status: { clientCertificateData: certificate, clientKeyData: key },
  };
  const plugin = join(folder, 'get-token');
  await writeFile(plugin, `#!/bin/sh\ncat <<'EOF'\n${JSON.stringify(answer)}\nEOF\n`);
  await chmod(plugin, 0o755);

  const ca = Buffer.from(spoke.authority.certificate).toString('base64');
  const examples = blocksOf(section, '');
  assert.equal(examples.length, 2);
  for (const example of examples) {
    const script = example
      .replace('/opt/get-token', plugin)
      .replace('"https://prod.example:6443"', `"${spoke.url}", "certificate-authority-data": "${ca}"`);
    const [, commands = '', args = ''] = /^([\s\S]*)^kube-api-proxy (.*)$/m.exec(script) ?? [];
    const options = { cwd: folder, env: { ...process.env, KUBECONFIG: kubeconfig } };
    execFileSync('sh', ['-e', '-c', commands], options);
    const { port, stop } = await startInProcess(t, [
      ...[`--kubeconfig=${kubeconfig}`, '--clusters-from-servers=127\\.0\\.0\\.1'],
      ...args.replace('=providers.json', `=${join(folder, 'providers.json')}`).split(' '),
    ]);
    await eventuallyPasses(async () => {
      const { status, text } = await send(port, '/clusters/fleet.prod/api/v1/namespaces/default');
      assert.equal(status, 200, text);
    });
    await stop();
  }
});
