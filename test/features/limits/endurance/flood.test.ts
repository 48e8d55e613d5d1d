import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { send } from '../../../support/clients/http-client.js';
import { scriptArguments } from '../../../support/project.js';
import { untilOwnMetric } from '../../../support/proxy/own-metric.js';
import { startStack } from '../../../support/proxy/stack.js';

const floodConnections = 200;
const slowPath = '/api/v1/namespaces/default/slow';

interface Latencies {
  readonly p50: number;
  readonly p95: number;
}

/**
 * Latencies in milliseconds of some requests in sequence, to several proxies in turn, so that other work on the machine delays all of
 * them equally.
 */
async function latencies(ports: readonly number[], agent: http.Agent, count: number): Promise<Latencies[]> {
  const took = ports.map((): number[] => []);
  for (let turn = 0; turn < count; turn++) {
    for (const [index, port] of ports.entries()) {
      const started = performance.now();
      const { status } = await send(port, '/api/v1/namespaces/default/pods/web-0', { agent });
      took[index]?.push(performance.now() - started);
      assert.equal(status, 200);
    }
    await delay(15);
  }
  return took.map(times => {
    times.sort((one, other) => one - other);
    const at = (part: number) => Math.round((times[Math.floor(times.length * part)] ?? 0) * 10) / 10;
    return { p50: at(0.5), p95: at(0.95) };
  });
}

/** Sends another user's requests as fast as they are answered, from its own process. `perSecond` has the statuses of the last second. */
async function startFlood(t: TestContext, port: number, connections: number, path: string) {
  const args = [
    ...scriptArguments('support/clients/flood'),
    String(port),
    '127.0.0.2',
    String(connections),
    path,
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => child.kill('SIGKILL'));
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  while (!/"429".*\n/.test(printed))
    await once(child.stdout, 'data', { signal: AbortSignal.timeout(20_000) });
  return {
    perSecond: () => JSON.parse(printed.split('\n').at(-2) ?? '{}') as Record<string, number>,
    stop: () => child.kill('SIGKILL'),
  };
}

test("one user's flood leaves others slots, and each of their requests waits for about one answer to each of its connections", async t => {
  const flags = ['--log-requests=none', '--max-requests-inflight-per-user=20'];
  const [{ server, port }, quiet] = await Promise.all([startStack(t, { flags }), startStack(t, { flags })]);
  server.intercept((request, response) => {
    if (request.url !== slowPath) return false;
    setTimeout(() => response.end('done'), 100);
    return true;
  });
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const ports = [quiet.port, port];
  await latencies(ports, agent, 100);
  const flood = await startFlood(t, port, floodConnections, slowPath);
  const [without, during] = await latencies(ports, agent, 200);
  const perSecond = flood.perSecond();
  flood.stop();
  t.diagnostic(JSON.stringify({ without, during, floodPerSecond: perSecond }));
  assert.ok(without !== undefined && during !== undefined);
  assert.ok((perSecond['429'] ?? 0) > 10, JSON.stringify(perSecond));
  // In milliseconds: how long the program needs to answer each connection of the flood once, each of which then repeats its request.
  const round = (1000 * floodConnections) / Object.values(perSecond).reduce((sum, count) => sum + count);
  assert.ok(during.p50 < without.p50 * 3 + round * 3, JSON.stringify({ without, during, round }));
  assert.ok(during.p95 < without.p95 * 10 + round * 15, JSON.stringify({ without, during, round }));
  await untilOwnMetric(port, 'kube_api_proxy_request_slots_in_use{kind="inflight"}', 0);
});
