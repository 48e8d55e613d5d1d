import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import pino from 'pino';
import { parseRequestInfo } from '../../src/kubernetes/request-info.js';
import { StatusError } from '../../src/kubernetes/status.js';
import type { RequestOrigin } from '../../src/observability/log/logger.js';
import { createRequestLines } from '../../src/observability/log/logger.js';
import type { RequestMetrics } from '../../src/observability/metrics/request-metrics.js';
import { type RequestLog, RequestRecord, uncounted } from '../../src/observability/request-record.js';

const origin: RequestOrigin = {
  method: 'GET',
  path: '/p',
  remoteAddress: '192.0.2.1',
  clientAddress: undefined,
  cluster: undefined,
  requestId: 'the-id',
  traceparent: undefined,
};
const line = { method: 'GET', path: '/p', remoteAddress: '192.0.2.1', requestId: 'the-id', bytes: 12 };

const written = new WeakMap<RequestRecord, Record<string, unknown>[]>();

function create(
  path = '/version',
  metrics?: RequestMetrics,
  { level = 'trace', which = 'all' }: { level?: string; which?: RequestLog['which'] } = {},
  method = 'GET',
) {
  const finished: [number, number][] = [];
  const counted = {
    succeeded: () => {},
    finished: (...end: [number, number]) => void finished.push(end),
  };
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ base: null, level }, { write: (text: string) => void lines.push(JSON.parse(text)) });
  const info = parseRequestInfo(method, path, '');
  const record = new RequestRecord(info, { ...origin, method }, metrics ?? counted, {
    logger,
    which,
    write: createRequestLines(logger),
  });
  written.set(record, lines);
  return { record, finished };
}

/** Ends a record and returns the lines that it wrote. */
function linesOf(record: RequestRecord): Record<string, unknown>[] {
  record.end(12);
  return written.get(record) ?? [];
}

function lineOf(record: RequestRecord): Record<string, unknown> {
  const [only, ...more] = linesOf(record);
  assert.ok(only !== undefined);
  assert.deepEqual(more, []);
  return only;
}

const levels = { debug: 20, info: 30, warn: 40 };

describe('the record of a request', () => {
  it('counts the request with its code and its seconds', async () => {
    const begun = performance.now();
    const { record, finished } = create();
    await new Promise(resolve => setTimeout(resolve, 20));
    record.code = 201;
    linesOf(record);
    const took = (performance.now() - begun) / 1000;
    assert.equal(finished.length, 1);
    const [code, seconds] = finished[0] ?? [0, 0];
    assert.equal(code, 201);
    assert.ok(seconds >= 0.015 && seconds <= took, `${seconds} of ${took}`);
  });

  it('has the last code that the client got, and 0 without an answer', () => {
    const { record, finished } = create();
    record.code = 401;
    record.code = 200;
    assert.equal(lineOf(record)['code'], 200);
    const left = create();
    assert.equal(lineOf(left.record)['code'], 0);
    assert.deepEqual([finished[0]?.[0], left.finished[0]?.[0]], [200, 0]);
  });

  it('writes one line with what was requested, and no field that does not apply', () => {
    const { record } = create('/apis/apps/v1/namespaces/ns/deployments/web/scale');
    record.code = 200;
    const { time, durationMs, ...fields } = lineOf(record);
    assert.ok(typeof time === 'number' && typeof durationMs === 'number' && durationMs >= 0);
    assert.deepEqual(fields, {
      level: levels.info,
      msg: 'request',
      ...line,
      verb: 'get',
      apiGroup: 'apps',
      version: 'v1',
      resource: 'deployments',
      subresource: 'scale',
      namespace: 'ns',
      resourceName: 'web',
      code: 200,
    });
    const list = lineOf(create('/api/v1/pods').record);
    for (const key of ['apiGroup', 'subresource', 'namespace', 'resourceName', 'name', 'err'])
      assert.ok(!(key in list), key);
  });

  it('contains only the verb for a path that is not a resource', () => {
    const { level, time, msg, durationMs, code, ...fields } = lineOf(create('/version').record);
    assert.deepEqual(fields, { ...line, verb: 'get' });
  });

  it('warns of a failure with its error, unless the client caused the rejection', () => {
    const ends: [number, Error | undefined, number][] = [
      [200, undefined, levels.info],
      [404, undefined, levels.info],
      [500, undefined, levels.info],
      [403, new StatusError(403, 'no'), levels.info],
      [502, new StatusError(502, 'no'), levels.warn],
      [503, new StatusError(503, 'no'), levels.warn],
      [200, new Error('broke off'), levels.warn],
      [0, new Error('client left'), levels.warn],
    ];
    for (const [code, failure, level] of ends) {
      const { record } = create();
      record.code = code;
      record.failure = failure;
      const found = lineOf(record);
      assert.equal(found['level'], level, `${code} ${failure}`);
      assert.equal('err' in found, failure !== undefined);
    }
  });

  it('writes a debug line for a request to the proxy itself, and does not count it', () => {
    const { record, finished } = create('/-/livez', uncounted);
    record.code = 200;
    assert.equal(lineOf(record)['level'], levels.debug);
    assert.deepEqual(finished, []);
  });

  it('is counted even if its line is not logged', () => {
    const { record, finished } = create('/version', undefined, { level: 'warn' });
    record.code = 200;
    assert.deepEqual(linesOf(record), []);
    assert.equal(finished.length, 1);
  });

  it('writes no line that --log-requests excludes', () => {
    for (const [which, code, expected] of [
      ['none', 500, 0],
      ['errors', 200, 0],
      ['errors', 404, 1],
    ] as const) {
      const { record } = create('/version', undefined, { which });
      record.code = code;
      assert.equal(linesOf(record).length, expected, `${which} ${code}`);
    }
  });

  it('writes a line when a long-running request opens, and one with the cause of its end', () => {
    const { record } = create('/api/v1/watch/pods', uncounted);
    record.auditId = 'audit';
    record.opened(200);
    record.endedBy = 'upstream';
    const lines = linesOf(record);
    assert.deepEqual(
      lines.map(({ msg, code, auditId, endedBy }) => [msg, code, auditId, endedBy]),
      [
        ['request open', 200, 'audit', undefined],
        ['request', 200, 'audit', 'upstream'],
      ],
    );
  });

  it('takes the Audit-ID of the API server’s answer, and a success as a sign that the resource exists', () => {
    for (const [method, code, expected] of [
      ['GET', 200, 1],
      ['POST', 201, 1],
      ['DELETE', 204, 1],
      ['GET', 101, 1],
      ['GET', 100, 0],
      ['GET', 304, 0],
      ['GET', 403, 0],
      ['GET', 404, 0],
      ['GET', 503, 0],
      ['OPTIONS', 204, 0],
    ] as const) {
      let successes = 0;
      const metrics = {
        ...uncounted,
        succeeded() {
          successes += 1;
        },
      };
      const { record } = create('/api/v1/pods', metrics, {}, method);
      record.answeredUpstream(code, 'audit');
      assert.deepEqual([successes, record.auditId], [expected, 'audit'], `${method} ${code}`);
    }
  });

  it('knows whether the request is long-running', () => {
    assert.equal(create().record.longRunning, false);
    assert.equal(create('/api/v1/watch/pods').record.longRunning, true);
  });
});
