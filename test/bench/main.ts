import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sharedIdentity } from '../support/certificates/certificates.js';
import { packageJson } from '../support/project.js';
import { describeMachine, formatTable, type Sample, summarize } from './report.js';
import { runRequestRound } from './requests.js';
import { choosePlacement, killChildren, type Round, type Run } from './run.js';
import { parseSettings, type Settings, usage } from './settings.js';
import { runStartRound } from './starts.js';
import { findTools, toolVersions } from './tools.js';
import { startRequestUpstream } from './upstream.js';
import { runHerdRound, runWatchRound, startWatchUpstream } from './watches.js';
import { eventRate } from './workloads.js';

try {
  const settings = parseSettings(process.argv.slice(2));
  if (settings === null) process.stdout.write(usage);
  else await bench(settings);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
// Open servers and pipes would keep the process alive. All that still runs ends with it.
process.exit();

async function bench(settings: Settings): Promise<void> {
  const tools = findTools();
  if (!existsSync(settings.main)) throw new Error(`${settings.main} is not there: run npm run build first`);
  const versions = { 'kube-api-proxy': packageJson.version, ...toolVersions(tools, settings.node) };
  const directory = mkdtempSync(join(tmpdir(), 'kube-api-proxy-bench-'));
  process.once('exit', () => {
    killChildren();
    rmSync(directory, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
  const placement = choosePlacement();
  const run: Run = { settings, tools, placement, directory };
  if (placement !== undefined) {
    // It reads /proc now and then, and must not use the program's processor or cache for that.
    execFileSync(tools.taskset, ['--all-tasks', '--cpu-list', '--pid', placement.load, String(process.pid)]);
  }
  const started = new Date();
  const found = await runRounds(run);

  const machine = describeMachine();
  const summary = summarize(found.samples, settings.programs);
  const notes = [...conditions(run), ...found.notes];
  const result = { started, machine, versions, settings, placement, notes, doubts: found.doubts, summary };
  const file = join(tmpdir(), 'bench-result.json');
  await writeFile(file, `${JSON.stringify({ ...result, samples: found.samples }, null, 2)}\n`);

  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const lines = [
    formatTable(summary, settings.programs),
    '',
    'Medians; in brackets the ratio to kubectl proxy in the same round: median: least-greatest.',
    ...(settings.programs.includes('shared-watches')
      ? ['shared-watches is kube-api-proxy --share-watches, and its ratios are to kube-api-proxy without it.']
      : []),
    ...(settings.programs.some(name => name.startsWith('traced-'))
      ? [
          'traced-N is kube-api-proxy with N of a million requests traced, and its ratios are to kube-api-proxy.',
        ]
      : []),
    `${machine.processors}, ${machine.kernel}; ${names.join(', ')}.`,
    ...notes,
    ...found.doubts.map(doubt => `DOUBTFUL: ${doubt}`),
    `All samples: ${file}`,
  ];
  process.stdout.write(`\n${lines.join('\n')}\n`);
  if (found.doubts.length > 0) process.exitCode = 1;
}

async function runRounds(run: Run) {
  const samples: Sample[] = [];
  const doubts: string[] = [];
  const notes = new Set<string>();
  const identity = await sharedIdentity();
  const watches = await startWatchUpstream(run, identity);
  const requests = await startRequestUpstream(run, identity);
  const { rounds, workloads } = run.settings;
  for (let number = 1; number <= rounds; number += 1) {
    const round: Round = {
      ...{ ...run, number },
      add: (program, metric, value) => samples.push({ round: number, program, metric, value }),
      doubt: text => doubts.push(`round ${number}, ${text}`),
      note: text => notes.add(`${text}.`),
      progress: text => process.stderr.write(`round ${number}, ${text}\n`),
    };
    if (workloads.includes('start')) await runStartRound(round, requests);
    await runRequestRound(round, requests);
    if (workloads.includes('watch')) await runWatchRound(round, watches);
    if (workloads.includes('herd')) await runHerdRound(round, watches);
  }
  return { samples, doubts, notes: [...notes] };
}

/** What a reader must know to judge the figures. */
function conditions({ settings, placement }: Run): string[] {
  const { rounds, seconds, warmUp, settle, watches } = settings;
  return [
    `${rounds} rounds of ${seconds} s after ${warmUp} s of warm-up; ${watches} watches with ${eventRate} events a second each; idle memory after ${settle} s.`,
    'CPU and memory are those of the proxy process alone.',
    'kube-api-proxy logs a line a request at its default level, to /dev/null; kubectl proxy has no log.',
    'The upstream has TLS 1.3, a required client certificate and HTTP/2 beside HTTP/1.1; its answers come with Content-Length.',
    placement === undefined
      ? 'No process was pinned.'
      : `The proxy ran on processor ${placement.program}, load and upstream on ${placement.load}.`,
  ];
}
