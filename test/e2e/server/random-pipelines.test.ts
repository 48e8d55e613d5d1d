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

/** One request: its first line for messages, its bytes, and the answer, whose body is undefined if the proxy itself answers. */
type Exchange = ReturnType<typeof createExchange>;

function bodyOf(target: string): string {
  const [, size = '0', id = ''] = /size=(\d+)&id=(.*)/.exec(target) ?? [];
  return id.repeat(Math.ceil(Number(size) / id.length)).slice(0, Number(size));
}

function answerTo(method: string, target: string): string {
  return `${method} ${target} ${target.startsWith('/large') ? large : ''}`;
}

function createExchange(random: Random, id: string) {
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
    method,
    line: `${method} ${path} ${size}`,
    bytes: `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${framed}`,
    status,
    body: own === undefined ? answerTo(method, target) : undefined,
  };
}

/** The answers in what a client has received. All have a length; the last may be cut. */
function readAnswers(text: string) {
  const answers: { status: number; body: string; isWhole: boolean }[] = [];
  for (let at = 0; at < text.length; ) {
    const begin = text.indexOf('\r\n\r\n', at) + 4;
    const head = /^HTTP\/1\.1 (\d{3}) [\s\S]*?\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(at, begin));
    assert.ok(head !== null, `not an answer: ${text.slice(at, at + 200)}`);
    at = begin + Number(head[2]);
    answers.push({ status: Number(head[1]), body: text.slice(begin, at), isWhole: at <= text.length });
  }
  return answers;
}

/** Sends a pipeline and leaves, or reads the answers. Returns how the connection ended, and what is wrong with the answers. */
async function send(random: Random, id: string, connection: ClientConnection) {
  const exchanges = Array.from({ length: 1 + random.below(6) }, (_, index) =>
    createExchange(random, `${id}.${index}.`),
  );
  const last = `GET /small?last=${id} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
  const bytes = Buffer.from(exchanges.map(exchange => exchange.bytes).join('') + last, 'latin1');
  const leaves = random.pick(['never', 'never', 'never', 'FIN', 'FIN in the middle', 'RST'] as const);
  const end = leaves === 'never' || leaves === 'FIN' ? bytes.length : random.below(bytes.length);
  const readsLate = random.chance(0.5);
  const { socket, reset } = connection;
  const client = watchRaw(socket);
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
  await delay(random.below(readsLate ? 200 : 50));
  socket.resume();
  if (leaves === 'RST') reset();
  else if (leaves !== 'never') socket.end();
  await client.untilClosed();
  reset();
  if (leaves !== 'never') return { end: 'left', problems: [] };
  const answers = readAnswers(client.received());
  const isAnswered = answers.length === exchanges.length + 1 && client.received().endsWith(`last=${id} `);
  const problems = answers.slice(0, exchanges.length).flatMap(({ status, body, isWhole }, index) => {
    const exchange = exchanges[index] as Exchange;
    const isRight =
      isWhole && status === exchange.status && (exchange.body === undefined || body === exchange.body);
    return isRight ? [] : [`answer ${index} of ${exchanges.map(({ line }) => line)} is a ${status}`];
  });
  return { end: isAnswered ? 'answered' : 'ended', problems };
}

for (const listener of listeners) {
  const { pid } = both[listener];

  /** Waits until nothing is in use for requests, and returns how many sockets the clients have. */
  const socketsWhenIdle = () =>
    eventuallyPasses(async () => {
      const connection = watchRaw((await connectTo(both, listener)).socket);
      connection.write('GET /-/metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      const samples = readSamples((await connection.untilClosed()).replaceAll('\r', ''));
      const connections = sumOf(samples, 'kube_api_proxy_upstream_connections');
      assert.deepEqual(
        [
          sumOf(samples, 'kube_api_proxy_request_slots_in_use'),
          sumOf(samples, 'kube_api_proxy_inflight_requests'),
          connections - sumOf(samples, 'kube_api_proxy_upstream_connections', { state: 'idle' }),
        ],
        [0, 0, 0],
      );
      return openDescriptors(pid) - connections;
    });

  test(`random pipelines over the ${listener} listener are answered or ended, and leave nothing behind`, async () => {
    const numbers = Array.from({ length: count }, (_, number) => number);
    const outcomes: Awaited<ReturnType<typeof send>>[] = [];
    const work = async () => {
      for (let number = numbers.shift(); number !== undefined; number = numbers.shift()) {
        const random = createRandom(seed * 100_000 + number);
        outcomes.push(await send(random, `${listener}-${number}`, await connectTo(both, listener)));
      }
    };
    // One that is closing may be among them.
    const most = (await socketsWhenIdle()) + 1;
    await Promise.all(Array.from({ length: clients }, work));
    await eventuallyPasses(async () => {
      const sockets = await socketsWhenIdle();
      assert.ok(sockets <= most, `${sockets} sockets, after ${most}`);
    });
    assert.deepEqual([wrong, upstream.violations], [[], []]);
    assert.deepEqual(
      outcomes.flatMap(({ problems }) => problems),
      [],
      `PIPELINE_SEED=${seed}`,
    );
    // Node loses bytes of a TLS connection if requests come while an answer waits for a client that reads late.
    if (listener === 'plain') assert.ok(outcomes.every(({ end }) => end !== 'ended'));
  });
}
