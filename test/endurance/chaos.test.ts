import assert from 'node:assert/strict';
import http from 'node:http';
import type { Socket } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { send } from '../support/clients/http-client.js';
import { openDescriptors, settled } from '../support/proxy/process-state.js';
import { startProxyFor } from '../support/proxy/proxy.js';
import { createRandom, type Random } from '../support/random.js';
import type { StrictRequest } from '../support/upstreams/strict-http.js';
import { ok, reset, startStrictStack } from '../support/upstreams/strict-upstream.js';

const long = process.env['ENDURANCE'] !== undefined;
const seconds = long ? 300 : 12;
const seed = Number(process.env['CHAOS_SEED'] ?? 7);
const clients = 50;

/** Targets whose answers were written whole. */
const answered = new Set<string>();
/** If false, the API server works normally. */
let chaos = true;

const upstreamRandom = createRandom(seed);
const { upstream, proxy } = await startStrictStack(
  { after },
  (request, socket) => misbehave(upstreamRandom, request, socket),
  { run: startProxyFor, scheme: 'https', user: { token: 'token' }, flags: ['--log-requests=none'] },
);

const watchHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const watchEvent = '5\r\nevent\r\n';

/** Answers most requests correctly, at once or late, and fails others in different ways. */
function misbehave(random: Random, { target }: StrictRequest, socket: Socket): void {
  const body = target.repeat(random.below(200));
  const whole = target.includes('watch')
    ? `${watchHead}${watchEvent.repeat(random.below(20))}0\r\n\r\n`
    : ok(`${target} ${body}`);
  const answer = () => {
    answered.add(target);
    socket.write(whole);
  };
  const choice = chaos ? random.below(100) : 0;
  if (choice < 50) answer();
  else if (choice < 70) setTimeout(answer, random.below(100));
  else if (choice < 76) {
    // The next request on this connection is in flight when it is closed.
    answer();
    setTimeout(() => socket.destroy(), random.below(4));
  } else if (choice < 82) {
    answer();
    socket.end();
  } else if (choice < 88) reset(socket);
  else if (choice < 94) {
    socket.write(whole.slice(0, random.below(whole.length)), () => socket.destroy());
  } else if (choice < 97) {
    socket.write(whole.slice(0, random.below(whole.length)));
    setTimeout(() => reset(socket), random.below(50));
  } else {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: garbage\r\n\r\n');
  }
}

interface Outcome {
  readonly target: string;
  readonly method: string;
  /** Code and body of a complete answer; undefined if it was cut. */
  readonly answer: { readonly code: number; readonly text: string } | undefined;
}

async function ask(agent: http.Agent, method: string, target: string): Promise<Outcome> {
  const question = { method, agent, ...(method === 'GET' ? {} : { body: target.repeat(20) }) };
  // A client of this test that leaves while its connection closes gets no answer either.
  const answer = await send(proxy.port, target, question).then(
    ({ status, text }) => ({ code: status, text }),
    () => undefined,
  );
  return { target, method, answer };
}

function problemOf(
  { target, method, answer }: Outcome,
  seen: ReadonlyMap<string, number>,
): string | undefined {
  const times = seen.get(target) ?? 0;
  if (times > (method === 'GET' ? 2 : 1)) return `came ${times} times`;
  if (answer === undefined) return undefined;
  if (answer.code === 200) {
    if (!answered.has(target)) return 'is answered although the API server has not';
    return target.includes('watch') || answer.text.startsWith(`${target} `)
      ? undefined
      : 'has the answer of another';
  }
  if (![502, 503, 504].includes(answer.code)) return `is answered ${answer.code}`;
  const { kind, code } = JSON.parse(answer.text) as { kind?: string; code?: number };
  return kind === 'Status' && code === answer.code ? undefined : `is answered ${answer.text}`;
}

test(`no request is lost and none is sent twice while the API server fails (seed ${seed})`, {
  timeout: (seconds + 240) * 1000,
}, async t => {
  await send(proxy.port, '/warm');
  const descriptors = openDescriptors(proxy.pid);
  const outcomes: Outcome[] = [];
  const end = Date.now() + seconds * 1000;
  const client = async (number: number) => {
    const random = createRandom(seed * 1000 + number);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = 0; Date.now() < end; turn += 1) {
      const method = random.pick(['GET', 'GET', 'POST', 'PUT', 'watch']);
      const target = `/api/v1/pods?${method === 'watch' ? 'watch=1&' : ''}id=${number}-${turn}`;
      outcomes.push(await ask(agent, method === 'watch' ? 'GET' : method, target));
      if (outcomes.at(-1)?.answer?.code === 503) await delay(50);
    }
    agent.destroy();
  };
  const working = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  for (let restart = 1; restart <= 2; restart += 1) {
    await delay((seconds * 1000) / 3);
    await upstream.stop();
    await delay(500);
    await upstream.restart();
  }
  await working;

  const seen = new Map<string, number>();
  for (const { target } of upstream.requests) seen.set(target, (seen.get(target) ?? 0) + 1);
  const problems = outcomes.flatMap(outcome => {
    const problem = problemOf(outcome, seen);
    return problem === undefined ? [] : [`${outcome.method} ${outcome.target} ${problem}`];
  });
  const counts = new Map<string, number>();
  for (const { answer } of outcomes) {
    const code = String(answer?.code ?? 'cut');
    counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  const summary = JSON.stringify(Object.fromEntries(counts));
  t.diagnostic(`${outcomes.length} requests: ${summary}`);
  assert.deepEqual(problems.slice(0, 20), [], `CHAOS_SEED=${seed}`);
  assert.deepEqual(upstream.violations, []);
  for (const code of ['200', '502', '503', 'cut']) assert.ok((counts.get(code) ?? 0) > 0, summary);

  assert.equal(proxy.process.exitCode, null);
  assert.equal(proxy.process.signalCode, null);
  assert.doesNotMatch(proxy.stderr(), /uncaught|unhandled/);
  chaos = false;
  for (let turn = 0; turn < 100; turn += 1)
    assert.equal((await send(proxy.port, `/after-${turn}`)).status, 200);
  const left = await settled(() => openDescriptors(proxy.pid) - descriptors - upstream.sockets.size, 2);
  assert.ok(left <= 2, `${left} descriptors too many are open`);
});
