import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { kubectlTest } from '../support/clients/kubectl.js';
import { collectText } from '../support/collected-text.js';
import { commandsOf, commandsToRun, notRun, pages, ranByOthers } from '../support/documents/shell-lines.js';
import { documents } from '../support/documents/texts.js';
import { eventuallyPasses } from '../support/eventually.js';
import { projectFile, scriptArguments } from '../support/project.js';
import { startProxy } from '../support/proxy/proxy.js';
import { temporaryFolder } from '../support/temporary-folder.js';

// test/apiserver/shell-lines.test.ts runs the commands that need a cluster.

/** Starts the demo, as the README does. */
async function startDemo() {
  const demo = spawn(process.execPath, [...scriptArguments('support/demo/demo'), '--port=0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const closed = once(demo, 'close');
  after(async () => {
    demo.kill();
    await closed;
  });
  const printed = collectText(demo.stdout);
  return eventuallyPasses(() => {
    const [, KUBECONFIG = '', address = ''] =
      /^KUBECONFIG=(.*)$[\s\S]*Things to try:\n +http:\/\/([\d.:]+)/m.exec(printed()) ??
      assert.fail(printed());
    return { KUBECONFIG, address };
  });
}

const demo = await startDemo();

test('each command that this file does not run has a reason or a test, and each of these a command', () => {
  const commands = pages.flatMap(commandsOf);
  assert.ok(commands.length > 30, String(commands.length));
  for (const [pattern] of [...ranByOthers, ...notRun])
    assert.ok(
      commands.some(command => pattern.test(command)),
      String(pattern),
    );
  for (const [, file] of ranByOthers) assert.ok(existsSync(projectFile(file)), file);
});

for (const page of pages) {
  kubectlTest(`the commands of ${page} that need no cluster run, in front of the demo`, async t => {
    const folder = temporaryFolder();
    let { address } = demo;
    for (const command of commandsToRun(page, { where: 'machine' })) {
      const here = command
        .replaceAll('127.0.0.1:8001', address)
        .replaceAll('/run/kube-api-proxy', folder)
        .replaceAll(/--port=\d+/g, '--port=0');
      const [program, ...args] = here.replace(/ &$/, '').split(' ');
      if (program === 'kube-api-proxy') {
        const proxy = await startProxy(args, { KUBECONFIG: demo.KUBECONFIG });
        t.after(() => proxy.stop('SIGKILL'));
        ({ address } = proxy);
        continue;
      }
      // A watch goes on: its first line is enough.
      const line = here.startsWith('curl -N ') ? `${here} | head -n 1` : here;
      const env = { PATH: process.env['PATH'] ?? '', HOME: folder };
      await promisify(execFile)('sh', ['-ec', line.replace(/^curl /, 'curl --fail ')], { env, cwd: folder });
    }
  });
}

test('no command of a document has a sign outside of quotes that a shell such as zsh expands', () => {
  for (const { path, text } of documents) {
    const inProse = [...text.matchAll(/`((?:curl|helm|kube-api-proxy|kubectl|npm) [^`\n]+)`/g)];
    for (const command of [...commandsOf(path), ...inProse.map(([, command = '']) => command)])
      assert.doesNotMatch(command.replaceAll(/'[^']*'|"[^"]*"/g, ''), /[?*[]/, path);
  }
});
