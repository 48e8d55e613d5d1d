import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { beforeEach, describe, it } from 'node:test';
import { aboutOf } from '../../../src/features/tracing/about.js';
import { RequestSpans, type Tracing } from '../../../src/features/tracing/request-spans.js';
import type { EndedSpan } from '../../../src/features/tracing/spans.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { StatusError } from '../../../src/kubernetes/status.js';
import type { UserInfo } from '../../../src/kubernetes/user-info.js';
import type { RecordedRequest } from '../../../src/observability/recorder.js';
import { UpstreamError } from '../../../src/transport/upstream-error.js';

let added: EndedSpan[];
let tracing: Tracing;
beforeEach(() => {
  added = [];
  let last = 0;
  const id = (digits: number) => String(++last).padStart(digits, '0');
  const spans = {
    add: (span: EndedSpan) => void added.push(span),
    newTraceId: () => id(32),
    newSpanId: () => id(16),
  };
  tracing = { spans, rate: 1_000_000, isLocal: true, namesUsers: false, owners: new WeakMap() };
});

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly caller?: Partial<UserInfo>;
}

function begin({ method = 'GET', path = '/api/v1/pods', headers = [], caller }: Asked = {}): RequestSpans {
  const raw = { method, rawHeaders: headers, socket: {} } as unknown as IncomingMessage;
  const request = { raw, path: { received: { raw: path } }, caller } as unknown as RecordedRequest;
  return new RequestSpans(tracing, () => aboutOf(method, parseRequestInfo(method, path, '')), request);
}

function spansNamed(name: string): EndedSpan[] {
  return added.filter(span => span.name === name);
}

describe('the spans of a request', () => {
  it('have the names and routes of the API server', () => {
    for (const [method, path, name] of [
      ['GET', '/api/v1/pods', 'GET /api/v1/pods'],
      [
        'POST',
        '/api/v1/namespaces/a/pods/b/binding',
        'POST /api/v1/namespaces/{:namespace}/pods/{:name}/binding',
      ],
      ['GET', '/api/v1/namespaces/a', 'GET /api/v1/namespaces/{:namespace}/namespaces/{:name}'],
      ['GET', '/apis/apps/v1/deployments', 'GET /apis/apps/v1/deployments'],
      [
        'GET',
        '/api/v1/namespaces/a/pods/b/proxy/c/d',
        'GET /api/v1/namespaces/{:namespace}/pods/{:name}/proxy',
      ],
      ['GET', '/healthz/secret', 'GET'],
      ['OPTIONS', '/', 'OPTIONS'],
    ] as const) {
      begin({ method, path }).completed(200, undefined);
      const span = added.at(-1);
      assert.equal(span?.name, name);
      assert.equal(span?.attributes['http.route'], name.split(' ')[1]);
    }
  });

  it('link to the span of the request that began what several wait for', () => {
    const dial = {};
    const [first, second] = [begin(), begin()];
    first.phase('dial', 1, 2, undefined, dial);
    second.phase('dial', 1, 2, undefined, dial);
    second.phase('credential', 1, 2, undefined, {});
    for (const request of [first, second]) request.completed(200, undefined);
    const [one, two] = spansNamed('dial');
    assert.deepEqual([one?.links, two?.links], [[], [{ traceId: one?.traceId, spanId: one?.spanId }]]);
    assert.deepEqual(spansNamed('credential')[0]?.links, []);
  });

  it('of a request that others share are a trace of its own, decided by the rate alone, to which theirs link', () => {
    const headers = ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'];
    const [opener, late] = [begin({ headers, path: '/api/v1/pods' }), begin()];
    const shared = opener.shared.begin();
    shared.phase('head', 1, 2);
    shared.started(200);
    const [root, upstream] = added.splice(0);
    assert.ok(root && upstream);
    assert.deepEqual([root.kind, root.name, root.parentId], ['internal', 'GET /api/v1/pods', undefined]);
    assert.deepEqual([upstream.kind, upstream.parentId], ['client', root.spanId]);
    assert.notEqual(root.traceId, opener.ids?.trace);
    opener.joins(shared.ids);
    for (const request of [opener, late]) request.started(200);
    late.joins(shared.ids);
    for (const request of [opener, late]) request.completed(200, undefined);
    const link = { traceId: root.traceId, spanId: root.spanId };
    const { trace: traceId, span: spanId } = late.ids ?? assert.fail();
    const links = added.map(({ links }) => links.map(({ traceId, spanId }) => ({ traceId, spanId })));
    assert.deepEqual([links[0], links[1], links[3]], [[link], [], [{ traceId, spanId }, link]]);
    tracing = { ...tracing, rate: 0 };
    const sampled = begin({ headers });
    const unsampled = sampled.shared.begin();
    assert.deepEqual([sampled.ids?.trace, unsampled.ids], ['0af7651916cd43dd8448eb211c80319c', undefined]);
    sampled.joins(unsampled.ids);
    sampled.completed(200, undefined);
    assert.deepEqual(added.at(-1)?.links, []);
  });

  it('say why something failed, by the reason of the log and the metrics', () => {
    const failed = begin();
    failed.phase('credential', 1, 2, new UpstreamError(502, 'credential', 'a secret'));
    failed.phase('dial', 1, 2, Object.assign(new Error('a secret'), { code: 'ECONNREFUSED' }));
    failed.completed(502, new UpstreamError(502, 'refused', 'a secret'));
    const seen = added.map(({ name, hasFailed, attributes }) => [
      name.split(' ')[0],
      hasFailed,
      attributes['error.type'],
    ]);
    assert.deepEqual(seen, [
      ['GET', true, 'refused'],
      ['credential', true, 'credential'],
      ['dial', true, 'ECONNREFUSED'],
      ['GET', true, 'ECONNREFUSED'],
    ]);
    assert.doesNotMatch(JSON.stringify(added), /secret/);
  });

  it('have not failed if the request was rejected, and have if the client left or the API server failed', () => {
    const rejected = begin();
    rejected.annotate('kube-api-proxy/rejected-by', 'read_only');
    rejected.annotate('kube-api-proxy/cluster', 'dev');
    rejected.annotate('kube-api-proxy/other', 'x');
    rejected.annotate('authorization.k8s.io/reason', 'x');
    rejected.completed(403, new StatusError(403, 'no'));
    begin().completed(0, undefined);
    begin().completed(503, undefined);
    assert.deepEqual(
      added.map(({ hasFailed, attributes }) => [
        hasFailed,
        attributes['error.type'],
        attributes['kube_api_proxy.rejected_by'],
        attributes['kube_api_proxy.cluster'],
        attributes['http.response.status_code'],
      ]),
      [
        [false, undefined, 'read_only', 'dev', 403],
        [true, 'aborted', undefined, undefined, undefined],
        [true, '503', undefined, undefined, 503],
      ],
    );
    assert.equal(Object.keys(added[0]?.attributes ?? {}).length, 8);
  });

  it('are at most 64 besides the two, and nothing is kept of a request that is not sampled', () => {
    const request = begin();
    for (let count = 0; count < 100; count++) request.phase('review', 1, 2);
    request.completed(200, undefined);
    assert.equal(added.length, 65);
    added = [];
    tracing = { ...tracing, rate: 0 };
    const unsampled = begin();
    const shared = {};
    unsampled.phase('dial', 1, 2, undefined, shared);
    unsampled.started(200);
    unsampled.completed(200, undefined);
    assert.deepEqual([added, tracing.owners.has(shared), unsampled.ids], [[], false, undefined]);
  });

  it('are sampled at the rate', () => {
    tracing = { ...tracing, rate: 250_000 };
    for (let count = 0; count < 4000; count++) begin().completed(200, undefined);
    assert.ok(added.length > 800 && added.length < 1200, String(added.length));
  });

  it('have the caller’s name only where that is wanted', () => {
    begin({ caller: { username: 'ann' } }).completed(200, undefined);
    tracing = { ...tracing, namesUsers: true };
    begin({ caller: { username: 'ann' } }).completed(200, undefined);
    assert.deepEqual(
      added.map(({ attributes }) => attributes['user.name']),
      [undefined, 'ann'],
    );
  });

  it('say where the request went, whatever form the host has', () => {
    for (const [host, name, port] of [
      ['api.example:6443', 'api.example', 6443],
      ['[::1]:443', '::1', 443],
      ['odd', undefined, undefined],
    ] as const) {
      const request = begin();
      request.sentAs(undefined, host);
      request.phase('head', 1, 2);
      request.answered(200, 'a-1');
      request.completed(200, undefined);
      const { attributes = {} } = added.at(-1) ?? {};
      assert.deepEqual([attributes['server.address'], attributes['server.port']], [name, port]);
      assert.equal(added.at(-2)?.attributes['audit-id'], 'a-1');
    }
  });
});
