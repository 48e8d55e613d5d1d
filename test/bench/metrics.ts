import { requestWorkloads } from './workloads.js';

/** One figure of the table: what it is, and in which unit its samples are. */
export interface Metric {
  readonly id: string;
  readonly title: string;
  /** Significant digits. */
  readonly digits: number;
}

/** One measurement of one program in one round. */
export interface Sample {
  readonly round: number;
  readonly program: string;
  readonly metric: string;
  readonly value: number;
}

/** All figures, in the table's order. */
export const metrics: readonly Metric[] = [
  { id: 'start.time', title: 'start: to the first line, ms', digits: 3 },
  { id: 'start.cpu', title: 'start: CPU, ms', digits: 3 },
  ...requestWorkloads.flatMap(({ name, title }) => [
    { id: `${name}.cpu`, title: `${title}: CPU, ms/request`, digits: 3 },
    { id: `${name}.rate`, title: `${title}: requests/s`, digits: 4 },
    { id: `${name}.p99`, title: `${title}: p99, ms`, digits: 3 },
  ]),
  { id: 'watch.cpu', title: 'watch: CPU, µs/event', digits: 3 },
  { id: 'watch.p99', title: 'watch: event p99, ms', digits: 3 },
  { id: 'watch.changed', title: 'watch: event p99 since the change, ms', digits: 3 },
  { id: 'watch.upstream', title: 'watch: CPU of the API server, times that for one watch', digits: 3 },
  {
    id: 'users.upstream',
    title: 'watches of as many users: CPU of the API server, times that for one watch',
    digits: 3,
  },
  {
    id: 'users.memory',
    title: 'the same: memory per open watch, events flowing, times that of one user',
    digits: 3,
  },
  { id: 'users.reviews', title: 'the same: reviews for each user', digits: 3 },
  { id: 'memory.idle', title: 'memory: idle, MB', digits: 3 },
  { id: 'memory.watch', title: 'memory: per open watch, KB', digits: 3 },
  { id: 'memory.busy-watch', title: 'memory: per open watch, events flowing, KB', digits: 3 },
  { id: 'memory.load', title: 'memory: highest under load, MB', digits: 3 },
];

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (index: number) => sorted[index] as number;
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
}

/** The least of the values that is not less than this part of them: 0.99 is the 99th percentile. 0 if there are no values. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.ceil(sorted.length * part) - 1] ?? 0;
}
