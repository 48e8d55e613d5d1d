import assert from 'node:assert/strict';
import net from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { isAlive, writeExecPlugin } from '../../support/identities/exec-plugin.js';
import { listenFor } from '../../support/ports.js';
import { writeKubeconfig } from '../../support/proxy/kubeconfig-file.js';
import { runProgram } from '../../support/proxy/proxy.js';
import { temporaryFolder } from '../../support/temporary-folder.js';

// test/app/, test/options/ and test/kubeconfig/ have all problems: here is what the program prints of them.

/** The lines that the program prints before it exits with 1. It prints nothing else, and no stack. */
async function printedProblems(args: readonly string[], HOME = temporaryFolder()): Promise<string[]> {
  const { code, signal, stdout, stderr } = await runProgram(args, { HOME });
  assert.equal(code, 1, `ended with ${code ?? signal}: ${stdout}${stderr}`);
  assert.equal(stdout, '');
  assert.match(stderr, /\n$/);
  const lines = stderr.slice(0, -1).split('\n');
  for (const line of lines) {
    assert.match(line, /^kube-api-proxy: \S/, 'every line begins with the name of the program');
    assert.doesNotMatch(line, /\.js:\d+|node:internal|\bError:/);
  }
  return lines;
}

test('a home without a kubeconfig is reported with the searched file', async () => {
  const home = temporaryFolder();
  const [line = '', ...more] = await printedProblems([], home);
  assert.deepEqual(more, []);
  for (const text of [join(home, '.kube', 'config'), '--kubeconfig']) assert.ok(line.includes(text), line);
});

test('a start that fails because of a part, an option, its port or its admin port ends the login that has begun', async t => {
  const plugin = await writeExecPlugin();
  t.after(() => plugin.remove());
  await plugin.hang({ stubborn: false });
  const { path } = await writeKubeconfig({ server: 'https://127.0.0.1:1', user: { exec: plugin.exec() } });
  const port = await listenFor(t, net.createServer());
  for (const args of [
    ...[['--www=/nothing/here'], ['--port=x'], [`--port=${port}`], [`--admin-port=${port}`, '--port=0']],
  ]) {
    await printedProblems([`--kubeconfig=${path}`, '--admin-address=127.0.0.1', ...args]);
    assert.deepEqual(plugin.pids().filter(isAlive), [], args.join());
  }
});
