import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prettyLine } from '../../../src/observability/log/pretty-line.js';

const time = new Date(2026, 10, 24, 18, 47, 6, 147).getTime();

/** The line of an event at 18:47:06.147. */
function line(fields: Readonly<Record<string, unknown>>): string {
  return prettyLine(`${JSON.stringify({ level: 30, time, ...fields })}\n`);
}

const request = {
  method: 'GET',
  path: '/api/v1/namespaces/default/pods/web-0',
  remoteAddress: '127.0.0.1',
  requestId: '1f1ea64e-b977-4420-a0fd-514a87850439',
  verb: 'get',
  version: 'v1',
  resource: 'pods',
  namespace: 'default',
  resourceName: 'web-0',
  code: 200,
  auditId: '1f1ea64e-b977-4420-a0fd-514a87850439',
  bytes: 4_123,
  durationMs: 3.214,
  msg: 'request',
};

describe('a line of the pretty log', () => {
  it('is a summary for a request', () => {
    const start = '[18:47:06.147] INFO: GET /api/v1/namespaces/default/pods/web-0';
    assert.equal(line(request), `${start} 200, 3.21 ms, 4.12 kB\n`);
    assert.equal(line({ ...request, user: 'alice' }), `${start} 200, 3.21 ms, 4.12 kB, alice\n`);
    assert.match(line({ ...request, user: 'alice', impersonatedUser: 'carol' }), / kB, alice as carol\n$/);
    const { bytes, durationMs, ...open } = request;
    assert.ok(bytes + durationMs > 0);
    assert.equal(line({ ...open, msg: 'request open' }), `${start} 200, open\n`);
    assert.equal(
      line({ ...request, durationMs: 4_000_000, bytes: 12_345_678, endedBy: 'client' }),
      `${start} 200, 67 min, 12.3 MB, ended by client\n`,
    );
    assert.equal(
      line({ ...request, code: 0, bytes: 0, durationMs: 999.6 }),
      `${start} no answer, 1000 ms, 0 B\n`,
    );
  });

  it('gives the reason for a request that failed, and is the message with its fields for anything else', () => {
    const err = {
      type: 'UpstreamError',
      message: 'the API server refused the connection',
      cause: { type: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
    };
    assert.match(
      line({ ...request, level: 40, code: 503, err }),
      /WARN: GET \S+ 503, 3\.21 ms, 4\.12 kB: the API server refused the connection; connect ECONNREFUSED \(ECONNREFUSED\)\n$/,
    );
    assert.equal(
      line({ level: 40, resource: 'secretz', why: 'no such thing', list: ['a'], n: 1, msg: 'warned of' }),
      '[18:47:06.147] WARN: warned of resource=secretz why="no such thing" list=["a"] n=1\n',
    );
    assert.equal(line({ level: 35 }), '[18:47:06.147] 35: \n');
  });

  it('has the indented stack of an unexpected error below', () => {
    const { name: type, message, stack } = new TypeError('broken');
    const [first, second] = line({
      level: 50,
      err: { type, message, stack },
      msg: 'uncaught exception',
    }).split('\n');
    assert.equal(first, '[18:47:06.147] ERROR: uncaught exception: TypeError: broken');
    assert.match(second ?? '', /^ {4}at /);
  });
});
