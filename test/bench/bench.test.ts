import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectText } from '../support/collected-text.js';
import { scriptArguments } from '../support/project.js';
import { temporaryFolder } from '../support/temporary-folder.js';
import { formatTable, metrics, type Sample, summarize } from './report.js';
import { findTools } from './tools.js';

const skip = (() => {
  try {
    findTools();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
})();

/** A short run. It has, with its children, its own folder for temporary files. */
async function startBench(programs: string) {
  const directory = temporaryFolder();
  const tiny = [
    '--quick',
    '--warm-up=0',
    '--watches=20',
    '--only=start,get,watch,herd',
    `--programs=${programs}`,
  ];
  const child = spawn(process.execPath, [...scriptArguments('bench/main'), ...tiny], {
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: collectText(child.stdout), stderr: collectText(child.stderr) };
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, directory, output, ended };
}

/** Command lines of running processes that name this folder. */
function processesOf(directory: string): string[] {
  const { stdout } = spawnSync('ps', ['-eo', 'stat=,args='], { encoding: 'utf8' });
  return stdout.split('\n').filter(line => line.includes(directory) && !line.startsWith('Z'));
}

async function assertNothingLeft(directory: string): Promise<void> {
  // SIGKILL has been sent, but the system may need a moment to end the process.
  for (let tries = 0; tries < 40 && processesOf(directory).length > 0; tries += 1) await sleep(50);
  const folders = (await readdir(directory)).filter(name => name.startsWith('kube-api-proxy-bench-'));
  assert.deepEqual([processesOf(directory), folders], [[], []]);
}

test('the benchmark measures each program and leaves only its figures', { skip }, async () => {
  const { directory, output, ended } = await startBench('kube-api-proxy,shared-watches');
  const code = await ended;
  // On a busy machine the benchmark says that its figures are doubtful.
  if (code !== 0) assert.match(output.stdout(), /^DOUBTFUL: /m, output.stdout() + output.stderr());
  const result = JSON.parse(await readFile(join(directory, 'bench-result.json'), 'utf8')) as {
    samples: Sample[];
  };
  const figures = (program: string) =>
    new Set(result.samples.filter(sample => sample.program === program).map(({ metric }) => metric));
  const all = metrics.map(([id]) => id).filter(id => !/^(large-)?list/.test(id));
  assert.deepEqual(figures('kube-api-proxy'), new Set(all));
  assert.deepEqual(
    figures('shared-watches'),
    new Set(all.filter(id => !/^(get|memory\.load|start)/.test(id))),
  );
  if (code === 0) assert.ok(result.samples.every(({ value }) => Number.isFinite(value)));
  assert.match(output.stdout(), /^\| GET 3\.4 KB object: CPU, ms\/request +\| +[\d.]+ /m);
  await assertNothingLeft(directory);
});

test('a ratio compares with kubectl proxy in the same round, and one of shared watches with unshared ones', () => {
  const programs = ['kube-api-proxy', 'shared-watches', 'kubectl'] as const;
  const values = [
    [0.1, 0.08, 0.04],
    [0.2, 0.1, 0.06],
    [0.1, 0.06, 0.06],
  ];
  const samples = values.flatMap(([kubectl, own, shared], index) =>
    Object.entries({ kubectl, 'kube-api-proxy': own, 'shared-watches': shared }).map(
      ([program, value]): Sample => ({ round: index + 1, program, metric: 'watch.cpu', value: value ?? 0 }),
    ),
  );
  assert.match(
    formatTable(summarize(samples, programs), programs),
    /\| +0\.0800 \(0\.60: 0\.50-0\.80\) \| +0\.0600 \(0\.60: 0\.50-1\.00\) \| +0\.100 \|$/m,
  );
});
