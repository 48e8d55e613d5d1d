import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import type { Cluster } from '../../../src/clusters/cluster.js';
import { eventFormatOf } from '../../../src/features/shared-watches/event-reader.js';
import { createSharedWatchMetrics } from '../../../src/features/shared-watches/metrics.js';
import { headOfClient, sharedAccept } from '../../../src/features/shared-watches/sharable-headers.js';
import { createWatchRoute, watchRequest } from '../../../src/features/shared-watches/watch-route.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import type { OpenCallers } from '../../../src/proxy/route.js';
import type { OpenRequest } from '../../../src/request/context.js';
import { Reviews } from '../../../src/reviews/reviews.js';
import type { ClientSink } from '../../../src/transport/round-trip.js';
import { assertLinearIn } from '../../support/field-lists.js';
import { ManualClock } from '../../support/manual-clock.js';
import { clientRequest } from '../../support/proxy/client-request.js';
import { upstreamRequestTo } from '../../support/transport/upstream-requests.js';
import { hasAllRights } from './sharing.js';

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
  const route = createWatchRoute(1_000, {
    ...{ observer, onFirstByte() {}, clock, missingRights: hasAllRights },
    reviews: new Reviews(clock),
  });
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
      const trip = route(undefined)?.take(requestOf(method, target), own, {} as ClientSink, {} as never);
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
    traces: undefined,
  });
  assert.match(JSON.stringify(attributes), /"fieldSelector":{"rawSelector":"a=b"}/);
  assert.deepEqual([isStillValid?.(), isStillValid?.(), asked], [true, false, [request, request]]);

  const open = watchRequest(request, own, undefined);
  assert.deepEqual([open.rawHeaders, open.expires, open.isStillValid], [fields, undefined, undefined]);
});

const names = 'Accept Authorization Connection Impersonate-User Impersonate-Extra-a X-Request-Id'.split(' ');

/** What reads the fields of a client's watch, and of the API server's answer. */
const readers: Readonly<Record<string, (fields: string[]) => unknown>> = {
  'the key of a watch': rawHeaders => {
    const request = requestOf('GET', '/', rawHeaders);
    const callers = { isStillLetIn: () => true, endOf: () => undefined };
    sharedAccept(watchRequest(request, upstreamRequestTo('/own'), callers).rawHeaders);
  },
  'the head of an answer': fields => [
    headOfClient(fields, { api: {}, auditId: 'id' }),
    eventFormatOf(fields),
  ],
};

describe('reading a list of header fields takes time in proportion to its length:', () => {
  for (const [what, read] of Object.entries(readers)) it(what, () => assertLinearIn(names, read));
});

describe('the head of a shared answer for one client', () => {
  const fields = (text: string) => text.split(' ');
  const own = fields('Content-Type application/json X-Audit-Id a Audit-Id-X a X x-kubernetes-pf-a');
  const ofSender = fields(
    'Audit-Id of-ann X-Kubernetes-Pf-Flowschema-Uid ann x-kubernetes-pf-prioritylevel-uid ann Set-Cookie a=b',
  );
  const among = (api: object | undefined, auditId?: string) => ({ api, auditId });

  for (const [what, client, expected] of [
    ['among users has nothing of the one as whom the watch was sent', among({}), own],
    ['among users has the Audit-Id of the client’s own request', among({}, 'a'), [...own, 'Audit-Id', 'a']],
    ['stays as it is among clients of one user', among(undefined), [...own, ...ofSender]],
  ] as const) {
    it(`${what}, and has the time of now`, () => {
      const date = ['DATE', 'Thu, 01 Jan 1970 00:00:00 GMT'];
      const [name, time = '', ...rest] = headOfClient([...date, ...own, ...ofSender], client);
      assert.equal(name, 'DATE');
      assert.ok(Date.now() - Date.parse(time) < 60_000);
      assert.deepEqual(rest, expected);
    });
  }
});
