import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { watchRaw } from '../../support/clients/raw-http.js';
import { eventuallyPasses } from '../../support/eventually.js';
import {
  type ClientConnection,
  connectTo,
  listeners,
  startBothListeners,
} from '../../support/proxy/both-listeners.js';
import { readSamples, sumOf } from '../../support/proxy/own-metric.js';
import { openDescriptors } from '../../support/proxy/process-state.js';
import { createRandom, type Random } from '../../support/random.js';
import { cut } from '../../support/transport/answer-reader.js';
import { ok, startStrictUpstream } from '../../support/upstreams/strict-upstream.js';
import { Received } from './received.js';

/** PIPELINE_SEED and PIPELINES select other pipelines, or repeat a run. */
const seed = Number(process.env['PIPELINE_SEED'] ?? 1);
const count = Number(process.env['PIPELINES'] ?? 12);
/** How many clients there are at a time. */
const clients = 12;

/** More than the kernel's buffers hold for a client that does not read. */
const large = 'x'.repeat(6_000_000);
/** Requests whose bodies are not those that their clients have sent. */
const wrong: string[] = [];

// The API server ends each connection after an answer, so that bodies wait until the next one is open.
const upstream = await startStrictUpstream(
  ({ method, target, body }, socket) => {
    if (body !== bodyOf(target)) wrong.push(`${method} ${target}: ${body.length} bytes`);
    const answer = ok(answerTo(method, target)).replace('\r\n', '\r\nConnection: close\r\n');
    if (target.startsWith('/slow')) setTimeout(() => socket.end(answer), 30);
    else socket.end(answer);
  },
  { scheme: 'https' },
);
const both = await startBothListeners({ after }, upstream);

/** One request: its bytes, and the answer. */
interface Exchange {
  /** For messages. */
  readonly line: string;
  readonly bytes: string;
  readonly status: number;
  /** Undefined if the proxy itself answers. */
  readonly body: string | undefined;
}

function bodyOf(target: string): string {
  const [, size = '0', id = ''] = /size=(\d+)&id=(.*)/.exec(target) ?? [];
  return id.repeat(Math.ceil(Number(size) / id.length)).slice(0, Number(size));
}

function answerTo(method: string, target: string): string {
  return `${method} ${target} ${target.startsWith('/large') ? large : ''}`;
}

function createExchange(random: Random, id: string): Exchange {
  const hasBody = random.chance(0.5);
  const method = hasBody ? random.pick(['POST', 'PUT']) : 'GET';
  const size = hasBody ? random.pick([0, 1, 2000, 20_000, 40_000, 100_000, 300_000, 1_000_000]) : 0;
  const path = random.pick(['/small', '/small', '/small', '/slow', '/large', '/livez', '/exec']);
  const own = { '/livez': '/-/livez', '/exec': '/api/v1/namespaces/default/pods/x/exec' }[path];
  // The proxy rejects exec, and a write to its own paths, before it has read the body.
  const status = path === '/exec' ? 403 : path === '/livez' && hasBody ? 404 : 200;
  const target = `${own ?? path}?size=${size}&id=${id}`;
  const body = bodyOf(target);
  let framed = '';
  if (hasBody && random.chance(0.3)) {
    const chunks = cut(Buffer.from(body), [random.below(size + 1)]);
    const coded = chunks.map(chunk => `${chunk.length.toString(16)}\r\n${chunk.toString()}\r\n`);
    framed = `Transfer-Encoding: chunked\r\n\r\n${coded.join('')}0\r\n\r\n`;
  } else framed = hasBody ? `Content-Length: ${size}\r\n\r\n${body}` : '\r\n';
  return {
    line: `${method} ${path} ${size}`,
    bytes: `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${framed}`,
    status,
    body: own === undefined ? answerTo(method, target) : undefined,
  };
}

const last = (id: string) => `GET /small?last=${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const answerToLast = (id: string) => `GET /small?last=${id} `;

type Connect = () => Promise<ClientConnection>;

/** How the connection of a pipeline ended, and what is wrong with its answers. */
interface Outcome {
  readonly end: 'left' | 'answered' | 'ended';
  readonly problems: readonly string[];
}

/** Sends a pipeline and leaves, or reads the answers. */
async function send(random: Random, id: string, connect: Connect): Promise<Outcome> {
  const exchanges = Array.from({ length: 1 + random.below(6) }, (_, index) =>
    createExchange(random, `${id}.${index}.`),
  );
  const bytes = Buffer.from(exchanges.map(exchange => exchange.bytes).join('') + last(id), 'latin1');
  const leaves = random.pick([
    'never',
    'never',
    'never',
    'by FIN',
    'by FIN in the middle',
    'by RST',
  ] as const);
  const isPart = leaves === 'by FIN in the middle' || leaves === 'by RST';
  const end = isPart ? random.below(bytes.length) : bytes.length;
  const readsLate = random.chance(0.5);
  const { socket, reset } = await connect();
  const received = new Received(socket);
  if (readsLate) socket.pause();
  // More requests come while the first large answer waits for this client.
  const behindLarge = exchanges.findIndex(({ line }) => line.includes('/large')) + 1;
  const held = exchanges.slice(0, behindLarge).reduce((sum, exchange) => sum + exchange.bytes.length, 0);
  const places = [Math.min(held, end), ...Array.from({ length: random.below(12) }, () => random.below(end))];
  let sent = 0;
  for (const piece of cut(
    bytes.subarray(0, end),
    places.sort((a, b) => a - b),
  )) {
    socket.write(piece);
    sent += piece.length;
    if (readsLate && sent === held) await delay(500);
    else if (random.chance(0.5)) await nextTurn();
    else if (random.chance(0.3)) await delay(random.pick([1, 5, 20]));
  }
  if (readsLate) {
    await delay(random.below(200));
    socket.resume();
  }
  const problems: string[] = [];
  let outcome: Outcome['end'] = 'left';
  if (leaves === 'by RST') {
    await delay(random.below(50));
    reset();
  } else if (leaves !== 'never') {
    socket.end();
    await received.untilOver();
    reset();
  } else {
    const isAnswered = await received.until(answerToLast(id));
    outcome = isAnswered ? 'answered' : 'ended';
    const answers = received.answers;
    for (const [index, { status, body, isWhole }] of answers.slice(0, exchanges.length).entries()) {
      const exchange = exchanges[index] as Exchange;
      if (!isWhole) problems.push(`answer ${index} is cut`);
      else if (status !== exchange.status) problems.push(`answer ${index} is a ${status}`);
      else if (exchange.body !== undefined && body !== exchange.body)
        problems.push(`answer ${index} is wrong`);
    }
    if (isAnswered) {
      if (answers.length !== exchanges.length + 1) problems.push(`there are ${answers.length} answers`);
      // The connection is as good as any other.
      socket.write(last('again'));
      if (!(await received.until(answerToLast('again')))) problems.push('the connection has ended');
    }
    socket.end();
  }
  const named = problems.map(problem => `${id} of ${exchanges.map(({ line }) => line)}: ${problem}`);
  return { end: outcome, problems: named };
}

/** What is in use for requests: slots, requests, and connections. */
async function inUse(
  connect: Connect,
  pid: number,
): Promise<Record<'slots' | 'requests' | 'upstream' | 'sockets', number>> {
  const connection = watchRaw((await connect()).socket);
  connection.write('GET /-/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const samples = readSamples((await connection.untilClosed()).replaceAll('\r', ''));
  const upstreamConnections = sumOf(samples, 'kube_api_proxy_upstream_connections');
  return {
    slots: sumOf(samples, 'kube_api_proxy_request_slots_in_use'),
    requests: sumOf(samples, 'kube_api_proxy_inflight_requests'),
    upstream: upstreamConnections - sumOf(samples, 'kube_api_proxy_upstream_connections', { state: 'idle' }),
    sockets: openDescriptors(pid) - upstreamConnections,
  };
}

for (const listener of listeners) {
  const { pid } = both[listener];
  const connect = () => connectTo(both, listener);

  /** Waits until nothing is in use, and returns how many sockets the clients have. One that is closing may be among them. */
  const socketsWhenIdle = () =>
    eventuallyPasses(async () => {
      const { sockets, ...rest } = await inUse(connect, pid);
      assert.deepEqual(rest, { slots: 0, requests: 0, upstream: 0 });
      return sockets;
    });

  /** The same, when the number does not change any more. */
  const untilIdle = async () => {
    let before = Number.NaN;
    let now = await socketsWhenIdle();
    while (now !== before) {
      before = now;
      await delay(300);
      now = await socketsWhenIdle();
    }
    return now;
  };

  test(`random pipelines over the ${listener} listener are answered or ended, and leave nothing behind`, async t => {
    const numbers = Array.from({ length: count }, (_, number) => number);
    const outcomes: Outcome[] = [];
    const work = async () => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const random = createRandom(seed * 100_000 + number);
        outcomes.push(await send(random, `${listener}-${number}`, connect));
      }
    };
    const sockets = await untilIdle();
    await Promise.all(Array.from({ length: clients }, work));
    // There are fewer if sockets of before have gone only now.
    await eventuallyPasses(async () => {
      const left = (await untilIdle()) - sockets;
      assert.ok(left <= 0, `${left} sockets are left`);
    });
    assert.deepEqual([wrong, upstream.violations], [[], []]);
    const problems = outcomes.flatMap(outcome => outcome.problems);
    assert.deepEqual(problems, [], `PIPELINE_SEED=${seed}`);
    const [left = 0, answered = 0, ended = 0] = (['left', 'answered', 'ended'] as const).map(
      end => outcomes.filter(outcome => outcome.end === end).length,
    );
    t.diagnostic(`${answered} answered, ${ended} ended before that, ${left} clients left`);
    // Node loses bytes of a TLS connection if requests come while an answer waits for a client that reads late.
    if (listener === 'plain') assert.equal(ended, 0);
  });
}
