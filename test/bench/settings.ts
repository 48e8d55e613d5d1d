import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { projectFile } from '../support/project.js';
import { type ProgramName, programNames } from './program-names.js';
import { type RequestWorkloadName, requestWorkloads } from './workloads.js';

/**
 * What is measured: starts, one of the request workloads, the cost of HTTP/2 and of the audit log, upgrades, small GETs
 * beside everything else, open watches, or informers that list by watching.
 */
export type WorkloadName =
  | 'start'
  | RequestWorkloadName
  | 'http2'
  | 'audit'
  | 'upgrade'
  | 'tail'
  | 'watch'
  | 'informer';

/** One run of the benchmark, as the command line says; times are in seconds. */
export interface Settings {
  readonly rounds: number;
  /** Length of each measurement; wrk accepts only whole seconds. */
  readonly seconds: number;
  /** Length of the load before a program's first measurement in a round; 0 means no warm-up. */
  readonly warmUp: number;
  /** Rest before memory is read. */
  readonly settle: number;
  /** How often each program is started in a round. */
  readonly starts: number;
  /** Megabytes that are sent over each upgrade. */
  readonly megabytes: number;
  /** Seconds of a measurement of the tail, which takes longer because one request in a thousand counts. */
  readonly tailSeconds: number;
  readonly watches: number;
  /** Clients of one shared watch, whose events must not block the event loop for other clients. */
  readonly crowd: number;
  /** Events a second that each watch receives. */
  readonly rate: number;
  readonly workloads: readonly WorkloadName[];
  readonly programs: readonly ProgramName[];
  /** The Node binary that runs this program, its own arguments, and the program's main file and flags. */
  readonly node: string;
  readonly nodeArgs: readonly string[];
  readonly main: string;
  readonly args: readonly string[];
  /** Whether the upstream offers HTTP/2 and HTTP/1.1, as an API server does. */
  readonly http2: boolean;
  /** Whether the upstream sends no Content-Length, like an API server with answers of more than a few kilobytes. */
  readonly chunked: boolean;
  readonly pin: boolean;
  readonly json: string;
}

const workloadNames: readonly WorkloadName[] = [
  'start',
  ...requestWorkloads.map(({ name }) => name),
  'http2',
  'audit',
  'upgrade',
  'tail',
  'watch',
  'informer',
];

/** The text of --help. */
export const usage = `Usage: npm run bench -- [options]

  --rounds N        rounds over all programs (3)
  --seconds N       length of one measurement, whole seconds (5)
  --warm-up N       seconds of load before a program's first measurement in a round (6)
  --settle N        seconds of rest before idle memory is read (3)
  --starts N        starts of each program in a round (10)
  --megabytes N     bytes over each upgrade, in millions (300)
  --tail-seconds N  length of a measurement of small GETs beside everything else (20)
  --watches N       open watches (1000)
  --crowd N         clients of the shared watch whose pauses of the event loop are measured (5000)
  --rate N          events a second on each watch (10)
  --only LIST       of ${workloadNames.join(',')}
  --programs LIST   of ${programNames.join(',')} (all)
  --node PATH       Node binary for this program
  --node-args=TEXT  arguments of that binary, separated by spaces (--v8-pool-size=1, as in the image)
  --main PATH       main file of this program (dist/main.js)
  --args=TEXT       more flags of this program, separated by spaces
  --no-http2        the upstream offers HTTP/1.1 only
  --chunked         the upstream's answers have no Content-Length
  --no-pin          leave the choice of processors to the system, also where taskset exists
  --quick           1 round, 1 second, 1 second of warm-up, 1 start, 100 watches, a crowd of 200: for a look, not for figures
  --json FILE       where the figures go (bench-result.json in the temporary folder)
`;

/** Reads the command line; null means --help. Throws an error with a message for the user. */
export function parseSettings(argv: readonly string[]): Settings | null {
  const { values } = parseArgs({
    args: [...argv],
    allowNegative: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      settle: { type: 'string' },
      starts: { type: 'string' },
      megabytes: { type: 'string' },
      'tail-seconds': { type: 'string' },
      watches: { type: 'string' },
      crowd: { type: 'string' },
      rate: { type: 'string', default: '10' },
      only: { type: 'string', default: workloadNames.join(',') },
      programs: { type: 'string', default: programNames.join(',') },
      node: { type: 'string', default: process.execPath },
      'node-args': { type: 'string', default: '--v8-pool-size=1' },
      main: { type: 'string', default: projectFile('dist/main.js') },
      args: { type: 'string', default: '' },
      http2: { type: 'boolean', default: true },
      chunked: { type: 'boolean', default: false },
      pin: { type: 'boolean', default: true },
      quick: { type: 'boolean', default: false },
      json: { type: 'string', default: join(tmpdir(), 'bench-result.json') },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const { quick } = values;
  return {
    rounds: wholeNumber('rounds', values.rounds ?? (quick ? '1' : '3'), 1),
    seconds: wholeNumber('seconds', values.seconds ?? (quick ? '1' : '5'), 1),
    warmUp: wholeNumber('warm-up', values['warm-up'] ?? (quick ? '1' : '6'), 0),
    settle: values.settle === undefined && quick ? 0.3 : wholeNumber('settle', values.settle ?? '3', 1),
    starts: wholeNumber('starts', values.starts ?? (quick ? '1' : '10'), 1),
    megabytes: wholeNumber('megabytes', values.megabytes ?? (quick ? '20' : '300'), 1),
    tailSeconds: wholeNumber('tail-seconds', values['tail-seconds'] ?? (quick ? '1' : '20'), 1),
    watches: wholeNumber('watches', values.watches ?? (quick ? '100' : '1000'), 1),
    crowd: wholeNumber('crowd', values.crowd ?? (quick ? '200' : '5000'), 1),
    rate: wholeNumber('rate', values.rate, 1),
    workloads: listOf('only', values.only, workloadNames),
    programs: listOf('programs', values.programs, programNames),
    node: values.node,
    nodeArgs: words(values['node-args']),
    main: values.main,
    args: words(values.args),
    http2: values.http2,
    chunked: values.chunked,
    pin: values.pin,
    json: values.json,
  };
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
    throw new Error(`--${option}: ${JSON.stringify(text)} is not a whole number of at least ${least}`);
  }
  return value;
}

// In the order of the known names, so that tables of different runs have the same order.
function listOf<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  const given = text.split(',').map(name => name.trim());
  const stranger = given.find(name => !known.some(other => other === name));
  if (stranger !== undefined) {
    throw new Error(`--${option}: ${JSON.stringify(stranger)} is none of ${known.join(', ')}`);
  }
  return known.filter(name => given.includes(name));
}

function words(text: string): string[] {
  return text.split(' ').filter(word => word !== '');
}
