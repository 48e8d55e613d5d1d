import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapping } from 'node:module';
import type { MutantResult } from '@stryker-mutator/api/core';
import { compiledFile } from './compile.js';

const columns = ['mutants', 'killed', 'timeouts', 'survived', 'no coverage', 'excused'] as const;
type Row = Record<(typeof columns)[number], number>;

/** What became of the mutants of one file of src/. */
export class FileReport {
  readonly #source: string;
  readonly #lines: readonly string[];
  readonly #map: SourceMap;
  readonly #results: readonly MutantResult[];

  constructor(source: string, results: readonly MutantResult[]) {
    const compiled = compiledFile(source);
    this.#source = source;
    this.#lines = readFileSync(compiled, 'utf8').split('\n');
    this.#map = new SourceMap(JSON.parse(readFileSync(`${compiled}.map`, 'utf8')));
    this.#results = results.filter(({ status, statusReason }) => {
      return status !== 'CompileError' && statusReason !== 'the text of a message';
    });
  }

  get row(): Row {
    const count = (...statuses: readonly string[]) =>
      this.#results.filter(({ status }) => statuses.includes(status)).length;
    return {
      mutants: this.#results.length,
      // A program that cannot be loaded with the mutant has no test that fails.
      killed: count('Killed', 'RuntimeError'),
      timeouts: count('Timeout'),
      survived: count('Survived'),
      'no coverage': count('NoCoverage'),
      excused: count('Ignored'),
    };
  }

  /** A line for each mutant that lives, with its place in src/. */
  get survivors(): readonly string[] {
    return this.#results
      .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
      .sort((a, b) => a.location.start.line - b.location.start.line)
      .map(result => this.#describe(result));
  }

  #describe({ location: { start, end }, replacement, mutatorName, status }: MutantResult): string {
    // Lines and columns of a report begin with 1.
    const [row, column] = [start.line - 1, start.column - 1];
    const text = this.#lines[row]?.slice(column, end.line === start.line ? end.column - 1 : undefined) ?? '';
    const { originalLine, originalColumn } = this.#map.findEntry(row, column) as SourceMapping;
    const place = `${this.#source}:${originalLine + 1}:${originalColumn + 1}`;
    const what = status === 'NoCoverage' ? 'no coverage' : 'survived';
    return `${place} ${what}: ${short(text)} → ${short(replacement ?? '')} (${mutatorName})`;
  }
}

function short(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > 70 ? `${line.slice(0, 69)}…` : line;
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
