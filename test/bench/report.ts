import { cpus, release, totalmem } from 'node:os';
import { herds, type ProgramName, requestWorkloads } from './workloads.js';

/** One measurement of one program in one round. */
export interface Sample {
  readonly round: number;
  readonly program: string;
  readonly metric: string;
  readonly value: number;
}

/** All figures in the table's order: what each is, in which unit its samples are, and its significant digits if they are not three. */
export const metrics: readonly (readonly [id: string, title: string, digits?: number])[] = [
  ['start.time', 'start: to the first line, ms'],
  ['start.cpu', 'start: CPU, ms'],
  ['start.run', 'start of run -- true: to its end, ms'],
  ...requestWorkloads.flatMap(({ name, title }) => [
    [`${name}.cpu`, `${title}: CPU, ms/request`] as const,
    [`${name}.rate`, `${title}: requests/s`, 4] as const,
    [`${name}.p99`, `${title}: p99, ms`] as const,
  ]),
  ['watch.cpu', 'watch: CPU, µs/event'],
  ['watch.p99', 'watch: event p99, ms'],
  ['watch.changed', 'watch: event p99 since the change, ms'],
  ['watch.upstream', 'watch: CPU of the API server, times that for one watch'],
  ...herds.flatMap(count => [
    [`herd-${count}.upstream`, `${count} informers at once: CPU of the API server, ms`] as const,
    [`herd-${count}.bytes`, `${count} informers at once: sent by the API server, MB`] as const,
    [`herd-${count}.memory`, `${count} informers at once: highest memory, MB`] as const,
    [`herd-${count}.open`, `${count} informers at once: watches of the API server afterwards`] as const,
  ]),
  ['memory.idle', 'memory: idle, MB'],
  ['memory.watch', 'memory: per open watch, KB'],
  ['memory.busy-watch', 'memory: per open watch, events flowing, KB'],
  ['memory.load', 'memory: highest under load, MB'],
];

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** The least of the values that is not less than this part of them: 0.99 is the 99th percentile. 0 if there are no values. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.ceil(sorted.length * part) - 1] ?? 0;
}

/** One program's figure over all rounds, and its ratios to another program in the same round if that program was run. */
interface Summary {
  readonly program: string;
  readonly metric: string;
  readonly median: number;
  readonly ratio?: Readonly<Record<'median' | 'min' | 'max', number>>;
}

/** What the figures depend on in the machine. */
export function describeMachine(): { processors: string; memoryBytes: number; kernel: string } {
  const processors = `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`;
  return { processors, memoryBytes: totalmem(), kernel: `Linux ${release()}` };
}

/** Every figure that has samples, in the order of the metrics and the programs. */
export function summarize(samples: readonly Sample[], programs: readonly ProgramName[]): Summary[] {
  return metrics.flatMap(([metric]) =>
    programs.flatMap(program => {
      const all = samples.filter(sample => sample.metric === metric);
      const own = all.filter(sample => sample.program === program);
      if (own.length === 0) return [];
      const summary = { program, metric, median: median(own.map(({ value }) => value)) };
      // Shared watches and tracing are compared with the program without them, everything else with kubectl proxy.
      const reference = /^(?:shared|traced)-/.test(program) ? 'kube-api-proxy' : 'kubectl';
      const ratios = own.flatMap(({ round, value }) => {
        const other = all.find(sample => sample.round === round && sample.program === reference);
        return other === undefined || other.value === 0 ? [] : [value / other.value];
      });
      if (ratios.length === 0 || program === 'kubectl') return [summary];
      const ratio = { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) };
      return [{ ...summary, ratio }];
    }),
  );
}

/** The summary as a Markdown table: medians, and in brackets the ratio with its minimum and maximum. */
export function formatTable(summaries: readonly Summary[], programs: readonly ProgramName[]): string {
  const rows = metrics.flatMap(([id, title, digits = 3]) => {
    const own = summaries.filter(({ metric }) => metric === id);
    const cells = programs.map(name => {
      const summary = own.find(({ program }) => program === name);
      if (summary === undefined) return '-';
      const value = significant(summary.median, digits);
      const [median, min, max] = Object.values(summary.ratio ?? {}).map(ratio => ratio.toFixed(2));
      return median === undefined ? value : `${value} (${median}: ${min}-${max})`;
    });
    return own.length === 0 ? [] : [[title, ...cells]];
  });
  const head = ['', ...programs.map(name => (name === 'kubectl' ? 'kubectl proxy' : name))];
  const widths = head.map((text, column) =>
    Math.max(3, text.length, ...rows.map(row => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) => {
    const cells = widths.map((width, column) =>
      column === 0 ? row[column]?.padEnd(width) : row[column]?.padStart(width),
    );
    return `| ${cells.join(' | ')} |`;
  };
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  return [head, rule, ...rows].map(line).join('\n');
}

function significant(value: number, digits: number): string {
  const whole = value === 0 ? 1 : Math.floor(Math.log10(Math.abs(value))) + 1;
  return value.toFixed(Math.max(0, digits - whole));
}
