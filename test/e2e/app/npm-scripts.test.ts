import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { until, within } from '../../support/eventually.js';
import { startFakeApiServer } from '../../support/fake-api-server/fake-api-server.js';
import { projectFile } from '../../support/project.js';
import { writeAdminKubeconfig } from '../../support/proxy/proxy.js';

const server = await startFakeApiServer();
test.after(() => server.kill());
const { path } = await writeAdminKubeconfig(server);

for (const [script, ready] of [
  ['start', 'Starting to serve on'],
  ['demo', 'Things to try:'],
] as const) {
  test(`a kill of npm ends all that npm run ${script} has started`, async t => {
    // Without what npm runs before it, which builds dist/ again.
    const args = ['run', script, '--ignore-scripts', '--', `--kubeconfig=${path}`, '--port=0'];
    const npm = spawn('npm', args, {
      cwd: projectFile('.'),
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    const closed = once(npm, 'close');
    let isOver = false;
    t.after(() => isOver || process.kill(-(npm.pid as number), 'SIGKILL'));
    let printed = '';
    npm.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    await until(() => printed.includes(ready));
    npm.kill();
    // Each process that is left would still hold the pipe.
    await within('the end of the last process', closed);
    isOver = true;
  });
}
