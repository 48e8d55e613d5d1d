import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { collectText } from '../support/collected-text.js';
import { scriptArguments } from '../support/project.js';
import { cpuSeconds, residentTreeBytes } from './process-usage.js';
import { formatTable, median, metrics, quantile, type Sample, summarize } from './report.js';
import { parseSettings } from './settings.js';
import { findTools } from './tools.js';
import { createEventReader, type EventTimes, watchEvent } from './watch-event.js';

const main = scriptArguments('bench/main');
const tiny = ['--quick', '--warm-up=0', '--watches=20', '--only=start,get,watch,users'];

const skip = (() => {
  try {
    findTools();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
})();

/** A process that has, with its children, its own folder for temporary files. */
async function startBench(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'bench-test-'));
  const child = spawn(process.execPath, [...main, ...args], {
    env: { ...process.env, TMPDIR: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: collectText(child.stdout), stderr: collectText(child.stderr) };
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, directory, output, ended, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** Command lines of running processes that name this folder. */
function processesOf(directory: string): string[] {
  const { stdout } = spawnSync('ps', ['-eo', 'stat=,args='], { encoding: 'utf8' });
  return stdout.split('\n').filter(line => line.includes(directory) && !line.startsWith('Z'));
}

async function leftOver(directory: string): Promise<{ processes: string[]; folders: string[] }> {
  // SIGKILL has been sent, but the system may need a moment to end the process.
  for (let tries = 0; tries < 40 && processesOf(directory).length > 0; tries += 1) await sleep(50);
  const folders = (await readdir(directory)).filter(name => name.startsWith('kube-api-proxy-bench-'));
  return { processes: processesOf(directory), folders };
}

test('the benchmark measures each program and leaves only its figures', { skip }, async () => {
  const programs = '--programs=kube-api-proxy,shared-watches';
  const { directory, output, ended, remove } = await startBench([...tiny, programs]);
  try {
    const code = await ended;
    // On a busy machine the benchmark says that its figures are doubtful.
    if (code !== 0) assert.match(output.stdout(), /^DOUBTFUL: /m, output.stdout() + output.stderr());
    const result = JSON.parse(await readFile(join(directory, 'bench-result.json'), 'utf8')) as {
      samples: Sample[];
    };
    const figures = (program: string) =>
      new Set(result.samples.filter(sample => sample.program === program).map(({ metric }) => metric));
    const all = metrics.map(([id]) => id).filter(id => !/^(large-)?list/.test(id));
    const without = (pattern: RegExp) => new Set(all.filter(id => !pattern.test(id)));
    assert.deepEqual(figures('shared-watches'), without(/^(get|memory\.load|start)/));
    assert.deepEqual(figures('kube-api-proxy'), without(/^users/));
    if (code === 0) assert.ok(result.samples.every(({ value }) => Number.isFinite(value)));
    assert.match(output.stdout(), /^\| GET 3\.4 KB object: CPU, ms\/request +\| +[\d.]+ /m);
    assert.deepEqual(await leftOver(directory), { processes: [], folders: [] });
  } finally {
    await remove();
  }
});

test('the benchmark removes its processes and files when it is interrupted', { skip }, async () => {
  const { child, directory, output, ended, remove } = await startBench([...tiny, '--programs=kubectl']);
  try {
    while (!output.stderr().includes('kubectl: GET') && child.exitCode === null) await sleep(20);
    assert.notDeepEqual(processesOf(directory), []);
    child.kill('SIGINT');
    assert.equal(await ended, 130, output.stderr());
    assert.deepEqual(await leftOver(directory), { processes: [], folders: [] });
  } finally {
    await remove();
  }
});

test('a program that does not start ends the benchmark with a message and without leftovers', {
  skip,
}, async () => {
  const { directory, output, ended, remove } = await startBench([
    ...tiny,
    '--programs=kube-api-proxy',
    '--args=--no-such-flag',
  ]);
  try {
    assert.equal(await ended, 1);
    assert.match(output.stderr(), /--no-such-flag did not start/);
    assert.deepEqual(await leftOver(directory), { processes: [], folders: [] });
  } finally {
    await remove();
  }
});

test('the benchmark names a missing tool with its Debian package', async () => {
  const environment = { ...process.env };
  try {
    process.env['PATH'] = '/nonexistent';
    assert.throws(findTools, /^Error: kubectl is not on PATH; Debian has it in package kubernetes-client$/m);
    assert.throws(findTools, /wrk is not on PATH; Debian has it in package wrk/);
  } finally {
    process.env['PATH'] = environment['PATH'];
  }
});

test('the benchmark rejects a wrong option by its name', () => {
  assert.throws(() => parseSettings(['--rounds=0']), /--rounds: "0" is not a whole number of at least 1/);
  assert.throws(
    () => parseSettings(['--only=put']),
    /--only: "put" is none of start, get, list, large-list, watch, users/,
  );
  assert.throws(() => parseSettings(['--round=1']), /--round/);
  assert.deepEqual(parseSettings(['--only=watch,get'])?.workloads, ['get', 'watch']);
});

test('an event is read whole, wherever the stream is split', () => {
  const times = [1, 22, 333].map(sent => ({ changed: sent * 1000, sent }));
  const bytes = Buffer.from(times.map(time => watchEvent('MODIFIED', time)).join(''));
  assert.equal(bytes.length, 1500);
  for (const size of [1, 7, 499, 501, 1500]) {
    const seen: EventTimes[] = [];
    const read = createEventReader(time => seen.push(time));
    for (let start = 0; start < bytes.length; start += size) read(bytes.subarray(start, start + size));
    assert.deepEqual(seen, times);
  }
});

test('a quantile is a value of the list', () => {
  const values = Array.from({ length: 1000 }, (_, index) => 1000 - index);
  assert.deepEqual(
    [0.5, 0.99, 0.999, 1].map(part => quantile(values, part)),
    [500, 990, 999, 1000],
  );
  assert.equal(quantile([], 0.5), 0);
  assert.equal(median(values), 500.5);
});

test('processor time and memory of a process include its children', async () => {
  const busy = `process.on('disconnect', () => process.exit());
    while (process.cpuUsage().user < 400_000);
    process.send(1); setInterval(() => {}, 1000);`;
  const parent = `const stdio = ['ignore', 'ignore', 'ignore', 'ipc'];
    require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(busy)}], { stdio })
      .on('message', () => process.stdout.write('done'));`;
  const child = spawn(process.execPath, ['-e', parent], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    await once(child.stdout, 'data');
    const pid = child.pid as number;
    assert.ok(cpuSeconds(pid) > 0.2, `${cpuSeconds(pid)} s`);
    // These are two Node processes; each has about 40 MB.
    assert.ok(residentTreeBytes(pid) > 60e6, `${residentTreeBytes(pid)} bytes`);
  } finally {
    child.kill('SIGKILL');
  }
});

test('a ratio compares with kubectl proxy in the same round, and one of shared watches with unshared ones', () => {
  const figures = (metric: string, rounds: readonly Readonly<Record<string, number>>[]) =>
    rounds.flatMap((programs, index) =>
      Object.entries(programs).map(
        ([program, value]): Sample => ({ round: index + 1, program, metric, value }),
      ),
    );
  const programs = ['kube-api-proxy', 'shared-watches', 'kubectl'] as const;
  const watches = figures('watch.cpu', [{ 'kube-api-proxy': 8, 'shared-watches': 4, kubectl: 16 }]);
  assert.deepEqual(
    summarize(watches, programs).map(({ program, ratio }) => [program, ratio?.median]),
    [
      ['kube-api-proxy', 0.5],
      ['shared-watches', 0.5],
      ['kubectl', undefined],
    ],
  );
  const gets = figures('get.cpu', [
    { kubectl: 0.1, 'kube-api-proxy': 0.08 },
    { kubectl: 0.2, 'kube-api-proxy': 0.1 },
    { kubectl: 0.1, 'kube-api-proxy': 0.06 },
  ]);
  const both = ['kube-api-proxy', 'kubectl'] as const;
  assert.match(formatTable(summarize(gets, both), both), /0\.0800 \(0\.60: 0\.50-0\.80\) \| +0\.100 \|$/m);
});
