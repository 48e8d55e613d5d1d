import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { send } from '../support/clients/http-client.js';
import { openDescriptors, residentBytes, settled } from '../support/proxy/process-state.js';
import { startProxyFor } from '../support/proxy/proxy.js';
import { createRandom } from '../support/random.js';
import { StrictReader, type StrictRequest } from '../support/upstreams/strict-http.js';
import { ok, startStrictStack } from '../support/upstreams/strict-upstream.js';
import { type Mutation, mutate } from './mutation.js';

/** MUTATION_SEED and MUTATIONS select other mutations, or repeat a run. */
const seed = Number(process.env['MUTATION_SEED'] ?? 20_241);
const count = Number(process.env['MUTATIONS'] ?? 600);
const parallel = 30;

const token = 'the-configured-token';

const { upstream, proxy } = await startStrictStack(
  { after },
  (request, socket) => {
    if (request.upgrade)
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    else if (request.method === 'HEAD') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n');
    else socket.write(ok('ok'));
  },
  { run: startProxyFor, scheme: 'https', user: { token }, flags: ['--reject-paths='] },
);

/** Each connection has its own loopback address, which the API server gets in X-Forwarded-For. */
function addressOf(index: number): string {
  return `127.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

/** Sends the bytes and closes its side. Returns all bytes until the end of the connection. */
async function exchange(index: number, { bytes }: Mutation): Promise<string> {
  const socket = net.connect({
    host: '127.0.0.1',
    port: proxy.port,
    localAddress: addressOf(index),
    allowHalfOpen: true,
  });
  let received = '';
  let last = Date.now();
  socket.on('data', chunk => {
    received += chunk.toString('latin1');
    last = Date.now();
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close').catch(() => {});
  socket.once('end', () => socket.end());
  socket.write(Buffer.from(bytes, 'latin1'));
  const deadline = Date.now() + 400;
  while (!socket.destroyed && Date.now() < deadline && !(received !== '' && Date.now() - last > 80))
    await delay(20);
  socket.end();
  const timer = new AbortController();
  const late = delay(20_000, 'late' as const, { signal: timer.signal }).catch(() => undefined);
  const end = await Promise.race([closed, late]);
  timer.abort();
  socket.destroy();
  assert.notEqual(end, 'late', 'the connection is neither answered nor closed');
  return received;
}

/** Describes the first request at the upstream that is not one of the sent requests; undefined if there is none. */
function judge(sent: StrictRequest[], seen: StrictRequest[]): string | undefined {
  let next = 0;
  for (const request of seen) {
    while (next < sent.length && !isSame(sent[next] as StrictRequest, request)) next += 1;
    if (next === sent.length) return `${request.method} ${request.target} reached the API server`;
    next += 1;
  }
  return undefined;
}

function isSame(sent: StrictRequest, seen: StrictRequest): boolean {
  const { method, target, body, complete } = seen;
  if (method !== sent.method || target !== sent.target) return false;
  return complete ? sent.complete && body === sent.body : sent.body.startsWith(body);
}

/** A client's own credentials are passed on; otherwise the proxy's credentials are there once. */
function isAuthorized(request: StrictRequest): boolean {
  const values = request.values('authorization');
  return values.length === 1 && (values[0] === `Bearer ${token}` || !values[0]?.includes(token));
}

test(`${count} mutated requests (seed ${seed}) reach the API server as a strict parser reads them, or not at all`, {
  timeout: 240_000 + count * 100,
}, async () => {
  const random = createRandom(seed);
  const mutations = Array.from({ length: count }, (_, index) => mutate(random, `n${index}`));
  await send(proxy.port, '/version');
  const descriptors = openDescriptors(proxy.pid);
  const memory = residentBytes(proxy.pid);
  const answers: (string | Error)[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (let index = next++; index < count; index = next++) {
        answers[index] = await exchange(index, mutations[index] as Mutation).catch((error: Error) => error);
      }
    }),
  );
  await settled(() => upstream.sockets.size, parallel);

  const codes = new Map<string, number>();
  const problems: string[] = [];
  for (const [index, mutation] of mutations.entries()) {
    const answer = answers[index] as string | Error;
    const reader = new StrictReader({ lax: true });
    reader.push(mutation.bytes);
    const seen = upstream.requests.filter(
      request => request.values('x-forwarded-for')[0]?.split(', ').at(-1) === addressOf(index),
    );
    const code = answer instanceof Error ? answer.message : (/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 'none');
    codes.set(code, (codes.get(code) ?? 0) + 1);
    const problem =
      answer instanceof Error
        ? answer.message
        : /^HTTP\/1\.1 500|internal error/m.test(answer)
          ? 'it is answered 500'
          : (judge(reader.requests, seen) ??
            (seen.every(isAuthorized) ? undefined : 'its credentials are wrong'));
    if (problem !== undefined) {
      const shown = JSON.stringify(mutation.bytes.slice(0, 1000));
      problems.push(
        `number ${index}: ${problem}\n  ${mutation.steps.join(', ')}\n  ${shown}\n  ${reader.violation}\n  ${String(answer).slice(0, 300)}`,
      );
    }
  }
  assert.deepEqual(problems, [], `MUTATION_SEED=${seed}\n${problems.join('\n')}`);
  assert.deepEqual(upstream.violations, [], `MUTATION_SEED=${seed}`);
  assert.equal(proxy.process.exitCode, null);
  assert.equal(proxy.process.signalCode, null);
  assert.deepEqual(
    proxy.log().filter(({ msg }) => /uncaught|unhandled/.test(String(msg))),
    [],
  );
  // This shows that not all requests were a 400.
  assert.ok(
    (codes.get('200') ?? 0) > count / 10 &&
      (codes.get('101') ?? 0) > 0 &&
      (codes.get('400') ?? 0) > count / 10,
    JSON.stringify([...codes]),
  );
  assert.equal((await send(proxy.port, '/version')).status, 200);
  // The number of idle upstream connections is limited.
  const bound = () => descriptors + upstream.sockets.size + 2;
  const more = await settled(() => openDescriptors(proxy.pid) - bound(), 0);
  assert.ok(more <= 0, `${more} descriptors too many are open`);
  const growth = residentBytes(proxy.pid) - memory;
  assert.ok(growth < 80e6, `it grew by ${Math.round(growth / 1e6)} MB`);
});
