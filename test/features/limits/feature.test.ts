import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { limits } from '../../../src/features/limits/feature.js';
import type { GuardParts } from '../../../src/guard/guard.js';
import type { RequestContext } from '../../../src/request/context.js';

type Options = Parameters<(typeof limits.guards)[0]['create']>[0];

/** The guard with these limits, and its metrics. */
function start(options: Partial<Options> = {}) {
  const registry = new Registry();
  const metrics = limits.metrics(registry);
  const samples = async () =>
    (await registry.metrics()).split('\n').filter(line => line !== '' && !line.startsWith('#'));
  const create = () =>
    limits.guards[0].create(
      {
        ...{ maxRequestsInflight: 9, maxLongrunningRequests: 9, servesClusters: false },
        ...{ maxRequestsInflightPerUser: 9, maxLongrunningRequestsPerUser: 9, ...options },
      },
      {} as GuardParts,
      metrics,
    );
  const ends: (() => void)[] = [];
  const request = (more: object, { longRunning = false, isUpgrade = false } = {}) =>
    ({
      record: { longRunning, onEnd: (end: () => void) => ends.push(end) },
      ...{ raw: { socket: {} }, head: { isUpgrade }, mount: { isApi: true }, ...more },
    }) as unknown as RequestContext;
  return { create, request, samples, ends };
}

test('the metrics of limits are there from the start, and count requests of both kinds and their users', async () => {
  const { create, request, samples, ends } = start();
  const expected = (inflight: number, longrunning: number, users: number) => [
    `kube_api_proxy_request_slots_in_use{kind="inflight"} ${inflight}`,
    `kube_api_proxy_request_slots_in_use{kind="longrunning"} ${longrunning}`,
    `kube_api_proxy_users ${users}`,
  ];
  assert.deepEqual(await samples(), expected(0, 0, 0));
  const check = create();
  check(request({ caller: { username: 'jane' } }));
  check(request({ caller: { username: 'jane' } }, { longRunning: true }));
  check(request({ caller: { username: 'paul' } }, { isUpgrade: true }));
  assert.deepEqual(await samples(), expected(1, 2, 2));
  for (const end of ends) end();
  assert.deepEqual(await samples(), expected(0, 0, 0));
});

test('a request is of its caller, whomever it acts as, or else of the client of a trusted proxy, or of the address', () => {
  const { create, request } = start({ maxRequestsInflightPerUser: 1 });
  const check = create();
  const raw = (remoteAddress: string) => ({ raw: { socket: { remoteAddress } } });
  const jane = { caller: { username: 'jane' }, clientAddress: '192.0.2.1', ...raw('192.0.2.2') };
  const client = { clientAddress: '192.0.2.1', ...raw('192.0.2.2') };
  for (const [first, again] of [
    [jane, { ...jane, clientAddress: '192.0.2.3', requestedUser: { user: 'paul' }, ...raw('192.0.2.4') }],
    [client, { ...client, ...raw('192.0.2.5') }],
    [raw('192.0.2.6'), raw('192.0.2.6')],
  ]) {
    check(request(first as object));
    assert.throws(() => check(request(again as object)), { reason: 'user_inflight' });
  }
  check(request(raw('192.0.2.7')));
});

test('with several clusters, one of them has no more than its share of the slots', () => {
  const { create, request } = start({
    ...{ maxRequestsInflight: 8, maxLongrunningRequests: 8, servesClusters: true },
  });
  const check = create();
  const [one, other] = [{}, {}];
  for (const longRunning of [false, true]) {
    for (let count = 0; count < 6; count++) check(request({ cluster: one }, { longRunning }));
    assert.throws(() => check(request({ cluster: one }, { longRunning })), /one cluster of several/);
    check(request({ cluster: other }, { longRunning }));
  }
});
