import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sharedIdentity } from '../support/certificates/certificates.js';
import { hasKubectl } from '../support/clients/kubectl.js';
import { helm } from '../support/documents/helm.js';
import { commandsToRun, pages } from '../support/documents/shell-lines.js';
import { blocksOf, textOf } from '../support/documents/texts.js';
import { test } from '../support/kube-apiserver/api-server-test.js';
import { projectFile } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';

for (const page of pages.filter(page => commandsToRun(page, { where: 'cluster' }).length > 0)) {
  test(`the commands of ${page} that need a cluster run`, async (t, server) => {
    if (!hasKubectl) return t.skip('kubectl is not in PATH');
    if (helm(['version']).code !== 0) return t.skip('helm is not in PATH');
    const folder = temporaryFolder();
    await symlink(projectFile('deploy'), join(folder, 'deploy'));
    const env = { PATH: process.env['PATH'] ?? '', HOME: folder, KUBECONFIG: await server.kubeconfig() };
    const run = (command: string) => promisify(execFile)('sh', ['-ec', command], { cwd: folder, env });

    // What the reader has by then.
    for (const [file, text] of [
      ['app.yaml', 'kind: Pod\n'],
      ['policy.yaml', 'authorizers:\n'],
    ] as const) {
      const block = blocksOf(textOf(page), 'yaml').find(block => block.includes(text));
      if (block !== undefined) await writeFile(join(folder, file), block);
    }
    const { certificate, key } = (await sharedIdentity()).serverCertificate;
    await writeFile(join(folder, 'tls.crt'), certificate);
    await writeFile(join(folder, 'tls.key'), key);

    const namespaces = new Map<string, string>();
    for (const name of ['ci', 'dashboards', 'default', 'kube-api-proxy'])
      namespaces.set(name, await server.createNamespace());
    await run(`kubectl --namespace ${namespaces.get('dashboards')} create deployment web --image=web`);
    for (const command of commandsToRun(page, { where: 'cluster' })) {
      const here = command
        .replaceAll(
          /(?<=(?:namespace |serviceaccount=))[a-z][a-z-]+/g,
          name => namespaces.get(name) ?? assert.fail(name),
        )
        .replace(/^(kubectl create namespace .*)$/, '$1-2')
        .replace(' deployment NAME ', ' deployment web ');
      await run(here);
    }
  });
}
