import { setTimeout as delay } from 'node:timers/promises';
import { send } from './http-client.js';

/** The value of one of the proxy's own samples, named as the text format has it, labels and all; undefined when there is none. */
export async function ownMetric(port: number, sample: string): Promise<number | undefined> {
  const { text } = await send(port, '/-/metrics');
  const line = text.split('\n').find(candidate => candidate.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}

/** Scrapes until a sample has this value; rejects with what it has after 10 s. */
export async function untilOwnMetric(port: number, sample: string, value: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const found = await ownMetric(port, sample);
    if (found === value) return;
    if (Date.now() > deadline) throw new Error(`${sample} is ${found}, not ${value}`);
    await delay(20);
  }
}
