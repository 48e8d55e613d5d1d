import assert from 'node:assert/strict';
import { send } from '../clients/http-client.js';
import { eventuallyPasses } from '../eventually.js';

/** The value of one of the proxy's own samples, by its name and labels in the text format; undefined if there is none. */
export async function ownMetric(port: number, sample: string): Promise<number | undefined> {
  const { text } = await send(port, '/-/metrics');
  const line = text.split('\n').find(candidate => candidate.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}

/** Scrapes until a sample has this value. Rejects with the current value if it does not come. */
export function untilOwnMetric(port: number, sample: string, value: number): Promise<void> {
  return eventuallyPasses(async () => assert.equal(await ownMetric(port, sample), value, sample));
}

/** One sample of the proxy's own metrics. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The samples of a text in the Prometheus format. */
export function readSamples(text: string): Sample[] {
  return text
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, name = '', labels = '', value = ''] = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? [];
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [
        key,
        text,
      ]);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });
}

/** All of the proxy's own samples. */
export async function scrapeOwn(
  port: number,
  headers: Readonly<Record<string, string>> = {},
): Promise<Sample[]> {
  return readSamples((await send(port, '/-/metrics', { headers })).text);
}

/** The sum of the samples of a metric that have these labels. */
export function sumOf(samples: readonly Sample[], name: string, labels: Sample['labels'] = {}): number {
  const wanted = Object.entries(labels);
  return samples
    .filter(sample => sample.name === name && wanted.every(([key, value]) => sample.labels[key] === value))
    .reduce((total, { value }) => total + value, 0);
}

/** The program's own metrics without labels, and the sums of those with labels, by name. */
export async function ownMetrics(port: number): Promise<ReadonlyMap<string, number>> {
  const sums = new Map<string, number>();
  for (const { name, value } of await scrapeOwn(port)) sums.set(name, (sums.get(name) ?? 0) + value);
  return sums;
}
