import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { limits } from '../../../src/features/limits/feature.js';
import type { GuardParts } from '../../../src/guard/guard.js';
import type { RequestContext } from '../../../src/request/context.js';

test('the metrics of limits are there from the start, and count requests of both kinds and their users', async () => {
  const registry = new Registry();
  const metrics = limits.metrics(registry);
  const samples = async () =>
    (await registry.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'));
  const expected = (inflight: number, longrunning: number, users: number) => [
    `kube_api_proxy_request_slots_in_use{kind="inflight"} ${inflight}`,
    `kube_api_proxy_request_slots_in_use{kind="longrunning"} ${longrunning}`,
    `kube_api_proxy_users ${users}`,
  ];
  assert.deepEqual(await samples(), expected(0, 0, 0));

  const options = {
    maxRequestsInflight: 9,
    maxLongrunningRequests: 9,
    maxRequestsInflightPerUser: 9,
    maxLongrunningRequestsPerUser: 9,
    allContexts: false,
  };
  const check = limits.guards[0].create(options, {} as GuardParts, metrics);
  const ends: (() => void)[] = [];
  const begin = (username: string, longRunning: boolean) =>
    check({
      caller: { username },
      record: { longRunning, onEnd: (end: () => void) => ends.push(end) },
      raw: { socket: {} },
      head: { isUpgrade: false },
      mount: { isApi: true },
    } as unknown as RequestContext);
  begin('jane', false);
  begin('jane', true);
  begin('paul', true);
  assert.deepEqual(await samples(), expected(1, 2, 2));
  for (const end of ends) end();
  assert.deepEqual(await samples(), expected(0, 0, 0));
});
