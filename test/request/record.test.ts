import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import pino from 'pino';
import { Rejection } from '../../src/guard/rejection.js';
import { RequestHead } from '../../src/http/request-head.js';
import { RefusedGroupError } from '../../src/kubernetes/refused-group.js';
import { parseRequestInfo } from '../../src/kubernetes/request-info.js';
import { StatusError } from '../../src/kubernetes/status.js';
import { createRequestLines } from '../../src/observability/log/logger.js';
import type { RequestSeries } from '../../src/observability/metrics/request-metrics.js';
import { RequestRecord } from '../../src/request/record.js';
import type { RecordParts } from '../../src/request/recorded-request.js';
import { ReplacedError } from '../../src/transport/access.js';
import { UpstreamError } from '../../src/transport/upstream-error.js';
import { SentRequest } from '../../src/transport/upstream-request.js';

const line = { method: 'GET', path: '/p', remoteAddress: '192.0.2.1', requestId: 'the-id', bytes: 12 };

const written = new WeakMap<RequestRecord, { lines: Record<string, unknown>[]; close(): void }>();

interface Situation {
  readonly level?: string;
  readonly which?: RecordParts['logRequests'];
  readonly method?: string;
  readonly isCounted?: boolean;
  /** A recorder is there. */
  readonly isRecorded?: boolean;
  /** What else the request has, and what else the records of the server are written with. */
  readonly request?: object;
  readonly parts?: object;
}

function create(
  path = '/version',
  {
    level = 'trace',
    which = 'all',
    method = 'GET',
    isCounted = true,
    isRecorded = false,
    request = {},
    parts = {},
  }: Situation = {},
) {
  /** Code and seconds of each end. */
  const finished: [number, number][] = [];
  /** What metrics and recorders are told. */
  const told: unknown[][] = [];
  const tell =
    (what: string) =>
    (...details: unknown[]) =>
      void told.push([what, ...details]);
  const series: RequestSeries = {
    opened: ({ firstByteAfter, hasSucceeded }) => void told.push(['opened', firstByteAfter, hasSucceeded]),
    ended({ code, firstByteAfter, hasSucceeded }, seconds, received, sent) {
      finished.push([code, seconds]);
      told.push(['ended', firstByteAfter, hasSucceeded, received, sent]);
    },
  };
  const metrics = {
    cluster: isRecorded ? 'dev' : undefined,
    requestStarted: () => series,
    rejected: tell('rejected'),
    upstreamError: tell('upstreamError'),
    credentials: { unauthorized: tell('unauthorized') },
  } as never;
  const recording = {
    ...{
      auditId: 'ours',
      received: tell('received'),
      started: tell('started'),
      completed: tell('completed'),
    },
    ...{
      annotate: tell('annotate'),
      sentAs: (user?: { username: string }) => told.push(['as', user?.username]),
    },
  };
  const lines: Record<string, unknown>[] = [];
  const logger = pino({ base: null, level }, { write: (text: string) => void lines.push(JSON.parse(text)) });
  const response = Object.assign(new EventEmitter(), { headersSent: false });
  const target = { raw: '/p?q', rawPath: '/p' } as never;
  const record = new RequestRecord(
    {
      raw: { socket: { remoteAddress: '192.0.2.1', bytesRead: 7, bytesWritten: 12 } } as never,
      head: { method, requestId: 'the-id', traceparent: undefined },
      mount: { isApi: true, isCounted },
      path: { received: target, forServer: target, info: parseRequestInfo(method, path, '') },
      cluster: { metrics },
      reply: { raw: response as never },
      ...{ http2: undefined, caller: undefined, clientAddress: undefined },
      ...request,
    },
    {
      ...{ logger, logRequests: which, writeLine: createRequestLines(logger), isClosing: false },
      nowhere: metrics,
      recorders: isRecorded
        ? [
            {
              begin(_request, _info, isLong) {
                told.push(['begin', isLong]);
                return recording;
              },
            },
          ]
        : [],
      refusedGroups: { add: tell('refusedGroup') },
      ...parts,
    },
  );
  const close = () => void response.emit('close');
  written.set(record, { lines, close });
  return { record, finished, told, close, response };
}

/** Ends a record and returns the lines that it wrote. */
function linesOf(record: RequestRecord): Record<string, unknown>[] {
  const { lines, close } = written.get(record) ?? assert.fail();
  close();
  return lines;
}

function lineOf(record: RequestRecord): Record<string, unknown> {
  const [only, ...more] = linesOf(record);
  assert.ok(only !== undefined);
  assert.deepEqual(more, []);
  return only;
}

const levels = { debug: 20, info: 30, warn: 40 };

describe('the record of a request', () => {
  it('counts the request with its seconds and the last code that the client got, 0 without an answer', async () => {
    const begun = performance.now();
    const { record, finished } = create();
    await new Promise(resolve => setTimeout(resolve, 20));
    record.code = 401;
    record.code = 201;
    assert.equal(lineOf(record)['code'], 201);
    const took = (performance.now() - begun) / 1000;
    const [code, seconds] = finished[0] ?? [0, 0];
    assert.deepEqual([finished.length, code], [1, 201]);
    assert.ok(seconds >= 0.015 && seconds <= took, `${seconds} of ${took}`);
    const left = create();
    assert.equal(lineOf(left.record)['code'], 0);
    assert.equal(left.finished[0]?.[0], 0);
  });

  it('writes one line with what was requested, and no field that does not apply', () => {
    const { record } = create('/apis/apps/v1/namespaces/ns/deployments/web/scale');
    record.code = 200;
    record.endedBy = 'client';
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
    for (const key of ['apiGroup', 'subresource', 'namespace', 'resourceName', 'name', 'err', 'filtered'])
      assert.ok(!(key in list), key);
    const shown = create('/api/v1/namespaces', { isRecorded: true });
    shown.record.isFiltered = true;
    shown.record.denied('a webhook');
    const { filtered, deniedBy } = lineOf(shown.record);
    assert.deepEqual([filtered, deniedBy], [true, 'a webhook']);
    const denial = shown.told.find(([, key]) => key === 'kube-api-proxy/denied-by');
    assert.deepEqual(denial, ['annotate', 'kube-api-proxy/denied-by', 'a webhook']);
    const other = lineOf(create('/version').record);
    assert.deepEqual(other, { ...other, ...line, verb: 'get' });
    assert.ok(!('resource' in other), 'a path that is not a resource has only the verb');
  });

  it('writes no line that --log-requests or the level excludes, a debug line for a request to the proxy itself, and counts all others', () => {
    for (const [situation, code, level, count = 1] of [
      [{ level: 'warn' }, 200, undefined],
      [{ which: 'none' }, 500, undefined],
      [{ which: 'errors' }, 200, undefined],
      [{ which: 'errors' }, 404, levels.info],
      [{ isCounted: false }, 200, levels.debug, 0],
    ] as const) {
      const { record, finished } = create('/version', situation);
      record.code = code;
      assert.deepEqual([linesOf(record)[0]?.['level'], finished.length], [level, count]);
    }
  });

  it('takes the Audit-ID of the API server’s answer, and a success as a sign that the resource exists', () => {
    for (const [method, expected, ...codes] of [
      ['GET', true, 200, 101],
      ['POST', true, 201],
      ['DELETE', true, 204],
      ['GET', false, 100, 304, 403, 404, 503],
      ['OPTIONS', false, 204],
    ] as const) {
      const { record } = create('/api/v1/pods', { method });
      for (const code of codes) {
        record.answeredUpstream(code, 'audit');
        assert.deepEqual([record.hasSucceeded, record.auditId], [expected, 'audit'], `${method} ${code}`);
      }
    }
  });

  it('counts a failure as the failure says, and annotates a rejection', () => {
    const rejected = (reason: string) => [
      ['rejected', reason],
      ['annotate', 'kube-api-proxy/rejected-by', reason],
    ];
    for (const [failure, expected] of [
      [new Rejection(403, 'path', 'no'), rejected('path')],
      [new ReplacedError(), rejected('replaced')],
      [new UpstreamError(502, 'dns', 'no'), [['upstreamError', 'dns']]],
      [new RefusedGroupError('dev'), [...rejected('refused_group'), ['refusedGroup', 'dev', 'dev']]],
      [new StatusError(404, 'no'), []],
      [new Error('broke off'), []],
    ] as const) {
      const { record, told, close } = create('/version', { isRecorded: true });
      record.failure = failure;
      told.length = 0;
      close();
      assert.deepEqual(told.slice(0, -2), expected, String(failure));
      assert.deepEqual(
        told.slice(-2).map(([what, ...details]) => [what, details]),
        [
          ['completed', [0, failure]],
          ['ended', [undefined, false, 7, 12]],
        ],
      );
    }
  });

  it('ends once, and calls back then, or at once if it has ended', () => {
    const { record, finished, close } = create();
    const called: string[] = [];
    record.onEnd(() => called.push('at the end'));
    assert.deepEqual([record.hasEnded, called.length], [false, 0]);
    close();
    close();
    record.onEnd(() => called.push('at once'));
    assert.deepEqual([record.hasEnded, called, finished.length], [true, ['at the end', 'at once'], 1]);
  });

  it('tells recorders the user as whom each attempt was sent', () => {
    const { record, told } = create('/api/v1/pods', { isRecorded: true });
    record.sent?.(new SentRequest('api', ['Host', 'api', 'Impersonate-User', 'alice']));
    record.sent?.(new SentRequest('api', ['Host', 'api']));
    assert.deepEqual(told.slice(2), [
      ['as', 'alice'],
      ['as', undefined],
    ]);
    assert.equal(create().record.sent, undefined, 'without recorders nobody needs it');
  });

  it('gives the metrics its first byte once: at its end, or when it opens', () => {
    for (const [path, expected] of [
      ['/api/v1/pods', [['ended', 8, true, 7, 12]]],
      [
        '/api/v1/watch/pods',
        [
          ['opened', 8, true],
          ['ended', undefined, true, 7, 12],
        ],
      ],
    ] as const) {
      const { record, told, close } = create(path);
      // The answer to the first attempt was a 401.
      record.firstByte(7);
      record.firstByte(8);
      record.answeredUpstream(200, undefined);
      if (record.longRunning) record.opened(200);
      close();
      assert.deepEqual(told, expected);
    }
  });

  it('counts a 401 about the proxy’s credential, but not behind a proxy subresource', () => {
    for (const [subresource, expected] of [
      ['', 1],
      ['/log', 1],
      ['/proxy', 0],
    ] as const) {
      const { record, told } = create(`/api/v1/namespaces/a/pods/b${subresource}`);
      record.unauthorized();
      assert.equal(told.length, expected);
    }
  });
});

it('the record of an upgrade ends with its socket alone, and is a long request', () => {
  const socket = Object.assign(new EventEmitter(), { bytesRead: 7, bytesWritten: 12 });
  const { record, finished, told, close } = create('/version', {
    ...{ isRecorded: true, request: { raw: { socket, upgrade: true } } },
  });
  assert.equal(record.isUpgrade, true);
  assert.deepEqual(told[0], ['begin', true]);
  close();
  assert.deepEqual(finished, []);
  record.endedBy = 'client';
  socket.emit('close');
  assert.equal(finished.length, 1);
  const { lines } = written.get(record) ?? assert.fail();
  assert.equal(lines[0]?.['endedBy'], 'client');
});

describe('what recorders write of a request', () => {
  it('begins with its cluster, and says whether it lasts', () => {
    for (const [path, isLong] of [
      ['/api/v1/watch/pods', true],
      ['/api/v1/pods', false],
    ] as const) {
      const { record, told } = create(path, { isRecorded: true });
      record.opened(200);
      assert.deepEqual(told.slice(0, 2), [
        ['begin', isLong],
        ['annotate', 'kube-api-proxy/cluster', 'dev'],
      ]);
      assert.deepEqual(told.at(-1), ['started', 200]);
    }
  });

  it('has the Audit-ID and the trace of the recorder that gives them', () => {
    const trace = { ids: { trace: 't', span: 's' } };
    const told: string[][] = [];
    const common = { received() {}, completed() {}, annotate: (...said: string[]) => void told.push(said) };
    const recorders = [{}, { auditId: 'ours', trace }].map(own => ({ begin: () => ({ ...common, ...own }) }));
    const { record } = create('/version', { parts: { recorders } });
    const { trace_id, span_id } = lineOf(record);
    assert.deepEqual([record.ownAuditId, record.trace, trace_id, span_id], ['ours', trace, 't', 's']);
    assert.deepEqual(told, Array(2).fill(['kube-api-proxy/trace-id', 't']));
  });

  it('says which right has ended it, if that was the first', () => {
    const { record, told } = create('/version', { isRecorded: true });
    record.endWith('permission' as never);
    record.endWith('credential' as never);
    assert.deepEqual([record.endedBy, record.isRevoked], ['permission', true]);
    assert.deepEqual(told.slice(2), [['annotate', 'kube-api-proxy/ended-by', 'permission']]);
  });
});

describe('the line of a request', () => {
  it('has no more of a path, an id and a trace than a line can hold, and no target that is no path', () => {
    const long = 'x'.repeat(3000);
    const rawHeaders = ['X-Request-Id', long, 'Traceparent', long];
    const head = new RequestHead({ method: 'GET', rawHeaders });
    const lineFor = (rawPath: string, own: object) => {
      const target = { raw: rawPath, rawPath };
      const path = { received: target, forServer: target, info: parseRequestInfo('GET', '/', '') };
      return lineOf(create('/', { request: { path, head: own } }).record);
    };
    const { path, requestId, traceparent } = lineFor(`/${long}`, head);
    assert.deepEqual(
      [path, requestId, traceparent].map(text => String(text).length),
      [2048, 128, 128],
    );
    const other = lineFor('http://user:password@host/', { method: 'GET' });
    assert.equal(other['path'], '');
    assert.match(String(other['requestId']), /^[0-9a-f-]{36}$/);
  });

  it('of a long request is written when it opens, and with the code that was sent, the milliseconds and the cause of its end', async () => {
    const { record, response } = create('/api/v1/watch/pods');
    record.auditId = 'audit';
    record.endedBy = 'upstream';
    record.opened(200);
    await new Promise(resolve => setTimeout(resolve, 5));
    Object.assign(response, { headersSent: true, statusCode: 418 });
    const lines = linesOf(record);
    assert.deepEqual(
      lines.map(({ msg, code, auditId, endedBy }) => [msg, code, auditId, endedBy]),
      [
        ['request open', 200, 'audit', undefined],
        ['request', 418, 'audit', 'upstream'],
      ],
    );
    const took = Number(lines[1]?.['durationMs']);
    assert.ok(took >= 4 && took < 60_000, String(took));
    assert.equal(took, Math.round(took * 1e3) / 1e3);
  });

  it('is written at the start only if all lines are, and at level info', () => {
    for (const [situation, count] of [
      [{ which: 'errors' }, 0],
      [{ level: 'warn' }, 0],
      [{}, 1],
    ] as const) {
      const { record } = create('/api/v1/watch/pods', situation);
      record.opened(200);
      assert.equal((written.get(record) ?? assert.fail()).lines.length, count);
    }
  });

  it('is an error from 400 on, and a warning with its failure, unless the client caused that', () => {
    for (const [code, failure, level] of [
      [399, undefined, undefined],
      [400, undefined, levels.info],
      [400, new Error('no'), levels.info],
      [500, undefined, levels.info],
      [403, new StatusError(403, 'no'), levels.info],
      [499, new Error('no'), levels.info],
      [500, new Error('no'), levels.warn],
      [503, new StatusError(503, 'no'), levels.warn],
      [200, new Error('broke off'), levels.warn],
      [0, new Error('client left'), levels.warn],
    ] as const) {
      const { record } = create('/version', { which: 'errors' });
      record.code = code;
      record.failure = failure;
      const found = linesOf(record)[0];
      assert.equal(found?.['level'], level, `${code} ${failure}`);
      assert.equal(Object.hasOwn(found ?? {}, 'err'), failure !== undefined);
    }
  });
});

describe('the connection of a request', () => {
  it('ends with it if the server is closing, but over HTTP/2', () => {
    for (const [isClosing, http2, isDestroyed] of [
      [true, undefined, true],
      [false, undefined, false],
      [true, { stream: new EventEmitter(), bytesSent: 3 }, false],
    ] as const) {
      let destroyed = false;
      const destroySoon = () => {
        destroyed = true;
      };
      const socket = { bytesRead: 1, bytesWritten: 2, destroySoon };
      const { close } = create('/version', { parts: { isClosing }, request: { raw: { socket }, http2 } });
      if (http2 === undefined) close();
      else http2.stream.emit('close');
      assert.equal(destroyed, isDestroyed);
    }
  });

  it('has its bytes counted for the request in which they came', () => {
    const socket = { bytesRead: 10, bytesWritten: 100, destroySoon() {} };
    const bytesOf = () => {
      const { told, close } = create('/version', { request: { raw: { socket } } });
      close();
      return told.at(-1)?.slice(3);
    };
    assert.deepEqual(bytesOf(), [10, 100]);
    Object.assign(socket, { bytesRead: 15, bytesWritten: 130 });
    assert.deepEqual(bytesOf(), [5, 30]);
    assert.deepEqual(bytesOf(), [0, 0]);
  });
});
