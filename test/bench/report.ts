import { cpus, release, totalmem } from 'node:os';
import { median, metrics, type Sample } from './metrics.js';
import type { ProgramName } from './workloads.js';

/** One program's figure over all rounds, and its ratios to another program in the same round if that program was run. */
export interface Summary {
  readonly program: string;
  readonly metric: string;
  readonly median: number;
  readonly ratio?: Spread;
}

/** Median, minimum and maximum. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** What the figures depend on in the machine. */
export function describeMachine(): { processors: string; memoryBytes: number; kernel: string } {
  const [first] = cpus();
  return {
    processors: `${cpus().length} x ${first?.model.trim() ?? 'unknown'}`,
    memoryBytes: totalmem(),
    kernel: `Linux ${release()}`,
  };
}

/** What a program is compared with: shared watches with unshared ones, everything else with kubectl proxy. */
function referenceOf(program: string): ProgramName {
  return program === 'shared-watches' ? 'kube-api-proxy' : 'kubectl';
}

/** Every figure that has samples, in the order of the metrics and the programs. */
export function summarize(samples: readonly Sample[], programs: readonly ProgramName[]): Summary[] {
  return metrics.flatMap(({ id: metric }) =>
    programs.flatMap(program => {
      const own = samples.filter(sample => sample.metric === metric && sample.program === program);
      if (own.length === 0) return [];
      const ratios = own.flatMap(({ round, value }) => {
        const reference = samples.find(
          sample =>
            sample.metric === metric && sample.round === round && sample.program === referenceOf(program),
        );
        return reference === undefined || reference.value === 0 ? [] : [value / reference.value];
      });
      const summary = { program, metric, median: median(own.map(({ value }) => value)) };
      if (ratios.length === 0 || program === 'kubectl') return [summary];
      const ratio = { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
      return [{ ...summary, ratio }];
    }),
  );
}

/** The summary as a Markdown table: medians, and in brackets the ratio with its minimum and maximum. */
export function formatTable(summaries: readonly Summary[], programs: readonly ProgramName[]): string {
  const cell = (summary: Summary | undefined, digits: number): string => {
    if (summary === undefined) return '-';
    const { ratio } = summary;
    const value = significant(summary.median, digits);
    if (ratio === undefined) return value;
    return `${value} (${ratio.median.toFixed(2)}: ${ratio.min.toFixed(2)}-${ratio.max.toFixed(2)})`;
  };
  const rows = metrics.flatMap(({ id, title, digits }) => {
    const own = summaries.filter(({ metric }) => metric === id);
    if (own.length === 0) return [];
    return [
      [
        title,
        ...programs.map(name =>
          cell(
            own.find(({ program }) => program === name),
            digits,
          ),
        ),
      ],
    ];
  });
  const table = [['', ...programs.map(name => (name === 'kubectl' ? 'kubectl proxy' : name))], ...rows];
  const widths =
    table[0]?.map((_, column) => Math.max(3, ...table.map(row => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    `| ${row.map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const [head = [], ...body] = table;
  const rule = `| ${widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}

function significant(value: number, digits: number): string {
  const whole = value === 0 ? 1 : Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toFixed(Math.max(0, digits - whole));
}
