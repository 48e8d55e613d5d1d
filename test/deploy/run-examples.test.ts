import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { blocksOf, textOf } from '../support/documents/texts.js';
import { isInstalled } from '../support/installed.js';
import { program } from '../support/project.js';
import { writeKubeconfig } from '../support/proxy/kubeconfig-file.js';
import { temporaryFolder } from '../support/temporary-folder.js';

const run = promisify(execFile);

/** The commands of a page that run another one, up to that. */
const runsOf = (page: string): readonly string[] =>
  blocksOf(textOf(page), '', 'sh').flatMap(
    block => block.match(/^kube(?:-api-proxy|ctl api-proxy) run .*? -- /gm) ?? [],
  );

test('the commands of README.md and deploy/agents.md that run another one do so, as kubectl’s plugin too', async t => {
  const [HOME, bin] = [temporaryFolder(), temporaryFolder()];
  for (const name of ['kube-api-proxy', 'kubectl-api_proxy']) symlinkSync(program, join(bin, name));
  const { path: KUBECONFIG } = await writeKubeconfig({
    ...{ name: 'staging', server: 'https://127.0.0.1:1', token: 't' },
  });
  const env = { PATH: `${bin}:${process.env['PATH']}`, HOME, KUBECONFIG };
  const commands = [...runsOf('README.md'), ...runsOf('deploy/agents.md')];
  assert.deepEqual(runsOf('README.md'), runsOf('deploy/agents.md').slice(0, 3));
  for (const command of new Set(commands)) {
    if (command.startsWith('kubectl ') && !isInstalled('kubectl')) {
      t.diagnostic('kubectl is not in PATH');
      continue;
    }
    const { stdout, stderr } = await run('sh', ['-ec', `${command} sh -c 'echo "$KUBECONFIG"'`], { env });
    assert.match(stdout, /\/kube-api-proxy-run-.*\/config\n$/, command);
    assert.match(stderr, /^kube-api-proxy: context "staging": refused are .*\n$/, command);
  }
});
