import type { MutantResult } from '@stryker-mutator/api/core';

const columns = ['mutants', 'killed', 'timeouts', 'survived', 'no coverage', 'excused'] as const;
export type Row = Record<(typeof columns)[number], number>;

/** What became of the mutants of one file of src/. */
export function rowOf(results: readonly MutantResult[]): Row {
  const count = (...statuses: readonly string[]) =>
    results.filter(({ status }) => statuses.includes(status)).length;
  return {
    mutants: results.length,
    // A program that cannot be loaded with the mutant has no test that fails.
    killed: count('Killed', 'RuntimeError'),
    timeouts: count('Timeout'),
    survived: count('Survived'),
    'no coverage': count('NoCoverage'),
    excused: count('Ignored'),
  };
}

/** The share of killed mutants in percent, of those that nothing excuses. */
export function percentOf({ mutants, killed, timeouts, excused }: Row): number {
  return mutants === excused ? 100 : (100 * (killed + timeouts)) / (mutants - excused);
}

export function sumOf(rows: readonly Row[]): Row {
  const sum = (column: keyof Row) => rows.reduce((total, row) => total + row[column], 0);
  return Object.fromEntries(columns.map(column => [column, sum(column)])) as Row;
}

/** The table of all files, and their sum. */
export function tableOf(rows: Readonly<Record<string, Row>>): string {
  const all = Object.entries({ ...rows, total: sumOf(Object.values(rows)) });
  const width = Math.max(...all.map(([name]) => name.length));
  const head = `${''.padEnd(width)}  ${columns.join('  ')}       %`;
  const lines = all.map(([name, row]) => {
    const cells = columns.map(column => String(row[column]).padStart(column.length));
    return `${name.padEnd(width)}  ${cells.join('  ')}  ${percentOf(row).toFixed(1).padStart(6)}`;
  });
  return `${[head, ...lines].join('\n')}\n`;
}
