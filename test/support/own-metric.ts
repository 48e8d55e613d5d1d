import assert from 'node:assert/strict';
import { eventuallyPasses } from './eventually.js';
import { send } from './http-client.js';

/** The value of one of the proxy's own samples, named as the text format has it, labels and all; undefined when there is none. */
export async function ownMetric(port: number, sample: string): Promise<number | undefined> {
  const { text } = await send(port, '/-/metrics');
  const line = text.split('\n').find(candidate => candidate.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}

/** Scrapes until a sample has this value; rejects with what it has after 10 s. */
export function untilOwnMetric(port: number, sample: string, value: number): Promise<void> {
  return eventuallyPasses(async () => assert.equal(await ownMetric(port, sample), value, sample));
}
