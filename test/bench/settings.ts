import { parseArgs } from 'node:util';
import { projectFile } from '../support/project.js';
import {
  defaultPrograms,
  type ProgramName,
  programNames,
  type RequestWorkloadName,
  requestWorkloads,
} from './workloads.js';

/** What is measured: starts, one of the request workloads, open watches, or informers that start at the same moment. */
export type WorkloadName = 'start' | RequestWorkloadName | 'watch' | 'herd';

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
  readonly watches: number;
  readonly workloads: readonly WorkloadName[];
  readonly programs: readonly ProgramName[];
  /** The Node binary that runs this program, and the program's main file and flags. */
  readonly node: string;
  readonly main: string;
  readonly args: readonly string[];
}

const workloadNames: readonly WorkloadName[] = [
  'start',
  ...requestWorkloads.map(({ name }) => name),
  'watch',
  'herd',
];

/** The text of --help. */
export const usage = `Usage: npm run bench -- [options]

  --rounds N        rounds over all programs (3)
  --seconds N       length of one measurement, whole seconds (5)
  --warm-up N       seconds of load before a program's first measurement in a round (6)
  --watches N       open watches (1000)
  --only LIST       of ${workloadNames.join(',')}
  --programs LIST   of ${programNames.join(',')} (${defaultPrograms.join(',')})
  --node PATH       Node binary for this program
  --main PATH       main file of this program (dist/main.js)
  --args=TEXT       more flags of this program, separated by spaces
  --quick           1 round, 1 second, 1 second of warm-up, 1 start, 100 watches: for a look, not for figures
`;

/** Reads the command line; null means --help. Throws an error with a message for the user. */
export function parseSettings(argv: readonly string[]): Settings | null {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      'warm-up': { type: 'string' },
      watches: { type: 'string' },
      only: { type: 'string', default: workloadNames.join(',') },
      programs: { type: 'string', default: defaultPrograms.join(',') },
      node: { type: 'string', default: process.execPath },
      main: { type: 'string', default: projectFile('dist/main.js') },
      args: { type: 'string', default: '' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const { quick } = values;
  return {
    rounds: wholeNumber('rounds', values.rounds ?? (quick ? '1' : '3'), 1),
    seconds: wholeNumber('seconds', values.seconds ?? (quick ? '1' : '5'), 1),
    warmUp: wholeNumber('warm-up', values['warm-up'] ?? (quick ? '1' : '6'), 0),
    settle: quick ? 0.3 : 3,
    starts: quick ? 1 : 10,
    watches: wholeNumber('watches', values.watches ?? (quick ? '100' : '1000'), 1),
    workloads: listOf('only', values.only, workloadNames),
    programs: listOf('programs', values.programs, programNames),
    node: values.node,
    main: values.main,
    args: values.args.split(' ').filter(word => word !== ''),
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
