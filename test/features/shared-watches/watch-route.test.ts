import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import type { Cluster } from '../../../src/clusters/cluster.js';
import { createSharedWatchMetrics } from '../../../src/features/shared-watches/metrics.js';
import { createWatchRoute, watchRequest } from '../../../src/features/shared-watches/watch-route.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import type { OpenCallers } from '../../../src/proxy/route.js';
import type { OpenRequest } from '../../../src/request/context.js';
import { Reviews } from '../../../src/reviews/reviews.js';
import type { ClientSink } from '../../../src/transport/round-trip.js';
import { ManualClock } from '../../support/manual-clock.js';
import { clientRequest } from '../../support/proxy/client-request.js';
import { upstreamRequestTo } from '../../support/transport/upstream-requests.js';

function requestOf(method: string, target: string, rawHeaders: readonly string[] = []): OpenRequest {
  const [rawPath = '', query = ''] = target.split('?');
  const info = parseRequestInfo(method, rawPath, query);
  const cluster = { attach() {}, access: () => new Promise(() => {}) } as unknown as Cluster;
  return {
    ...clientRequest({ method, rawHeaders, requestId: 'id', record: { info } as never }),
    ...{ cluster, path: { info, decidedOn: info, forServer: { rawPath, query } } },
  } as unknown as OpenRequest;
}

describe('of all requests, shared watches take', () => {
  const clock = new ManualClock(0);
  const observer = createSharedWatchMetrics(new Registry());
  const route = createWatchRoute(1_000, { observer, onFirstByte() {}, clock, reviews: new Reviews(clock) });
  const pods = '/api/v1/pods?watch=1&resourceVersion=5';
  for (const [method, target, body, isTaken] of [
    ['GET', pods, '', true],
    ['GET', '/api/v1/watch/pods?resourceVersion=5', '', true],
    ['GET', pods, '{}', false],
    ['HEAD', pods, '', false],
    ['POST', pods, '', false],
    ['GET', '/api/v1/pods?resourceVersion=5', '', false],
    ['GET', '/api/v1/namespaces/a/services/b/proxy?watch=1&resourceVersion=5', '', false],
    ['GET', '/version?watch=1&resourceVersion=5', '', false],
  ] as const) {
    it(`${isTaken ? '' : 'not '}${method} ${target}${body && ' with a body'}`, () => {
      const own = upstreamRequestTo(target, body === '' ? {} : { body: Buffer.from(body) as never });
      const trip = route(undefined).take(requestOf(method, target), own, {} as ClientSink, {} as never);
      assert.equal(trip !== undefined, isTaken);
    });
  }
});

it('a watch is shared by what its client asks for, and the client is known by its caller alone', () => {
  const fields = 'Accept a AUTHORIZATION Bearer Impersonate-User jane X authorization'.split(' ');
  const request = requestOf('GET', '/api/v1/pods?watch=1&fieldSelector=a%3Db', fields);
  const own = upstreamRequestTo('/own');
  const asked: OpenRequest[] = [];
  const callers = {
    endOf: () => 12,
    isStillLetIn: (of: OpenRequest) => asked.push(of) === 1,
  } as unknown as OpenCallers;
  const { isStillValid, attributes, ...known } = watchRequest(request, own, callers);
  assert.deepEqual(known, {
    ...{ own, path: '/api/v1/pods', query: 'watch=1&fieldSelector=a%3Db' },
    ...{ rawHeaders: ['Accept', 'a', 'X', 'authorization'], requestId: 'id', expires: 12 },
  });
  assert.match(JSON.stringify(attributes), /"fieldSelector":{"rawSelector":"a=b"}/);
  assert.deepEqual([isStillValid?.(), isStillValid?.(), asked], [true, false, [request, request]]);

  const open = watchRequest(request, own, undefined);
  assert.deepEqual([open.rawHeaders, open.expires, open.isStillValid], [fields, undefined, undefined]);
});
