import { Agent, get } from 'node:http';
import { get as getSecure, Agent as SecureAgent } from 'node:https';
import { quantile } from './statistics.js';
import { answer, type PacedCommand, type PacedState, readTls } from './watch-messages.js';

// This process sends one GET over and over at a fixed rate, whether or not the earlier ones have been answered (an open loop), and records
// how long each answer takes. The time begins when the request is due, so a request that waits for a busy connection counts as slow.

/** The requests that became due between `begin` and `end`; times are in milliseconds. */
class Measurement {
  readonly latencies: number[] = [];
  /** How late this process was with each request. This is no fault of the program, so it is not part of the latency. */
  readonly delays: number[] = [];
  waiting = 0;
  failed = 0;
}

let measurement = new Measurement();
let timer: NodeJS.Timeout | undefined;

answer<PacedCommand, PacedState>(async message => {
  if (message.command === 'start') start(message);
  if (message.command === 'begin') measurement = new Measurement();
  const { latencies, delays } = measurement;
  if (message.command === 'end') {
    clearInterval(timer);
    for (let tries = 0; tries < 100 && measurement.waiting > 0; tries += 1)
      await new Promise(resolve => setTimeout(resolve, 20));
  }
  return {
    answered: latencies.length,
    failed: measurement.failed + measurement.waiting,
    delay: quantile(delays, 0.99),
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    p999: quantile(latencies, 0.999),
  };
});

function start({ url, rate, connections, tls }: Extract<PacedCommand, { command: 'start' }>): void {
  const options = { keepAlive: true, maxSockets: 1, ...(tls === null ? {} : readTls(tls)) };
  const agents = Array.from({ length: connections }, () =>
    tls === null ? new Agent(options) : new SecureAgent(options),
  );
  const began = performance.now();
  let count = 0;
  timer = setInterval(() => {
    const now = performance.now();
    for (let due = began + (count * 1000) / rate; due <= now; due = began + (count * 1000) / rate) {
      measurement.delays.push(now - due);
      send(url, agents[count % connections] as Agent, now);
      count += 1;
    }
  }, 1);
}

function send(url: string, agent: Agent, due: number): void {
  const own = measurement;
  own.waiting += 1;
  const settle = (isWhole: boolean) => {
    own.waiting -= 1;
    if (isWhole) own.latencies.push(performance.now() - due);
    else own.failed += 1;
  };
  const secure = agent instanceof SecureAgent;
  (secure ? getSecure : get)(url, { agent, headers: { Accept: 'application/json' } }, response => {
    response.resume().on('error', () => {});
    response.once('close', () => settle(response.complete && response.statusCode === 200));
  }).once('error', () => settle(false));
}
