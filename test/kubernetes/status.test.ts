import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createStatus, StatusError } from '../../src/kubernetes/status.js';

describe('a Status', () => {
  it("has the shape of the API server's own failures, and says when to try again if that is known, as NewTooManyRequests does", () => {
    assert.equal(
      JSON.stringify(createStatus(403, 'Host "x" is not accepted')),
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",' +
        '"message":"Host \\"x\\" is not accepted","reason":"Forbidden","code":403}',
    );
    assert.equal(
      JSON.stringify(new StatusError(429, 'too many', { retryAfterSeconds: 1 }).toStatus()),
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",' +
        '"message":"too many","reason":"TooManyRequests","details":{"retryAfterSeconds":1},"code":429}',
    );
  });

  it('has the reason that apimachinery uses for its code, if there is one', () => {
    const reasons = {
      400: 'BadRequest',
      401: 'Unauthorized',
      403: 'Forbidden',
      404: 'NotFound',
      405: 'MethodNotAllowed',
      406: 'NotAcceptable',
      410: 'Expired',
      413: 'RequestEntityTooLarge',
      429: 'TooManyRequests',
      418: '',
      500: 'InternalError',
      502: 'BadGateway',
      503: 'ServiceUnavailable',
      504: 'Timeout',
    };
    for (const [code, reason] of Object.entries(reasons)) {
      assert.equal(createStatus(Number(code), '').reason, reason, code);
    }
  });
});

describe('a StatusError', () => {
  it('is an Error that becomes a Status with the same code and message', () => {
    const error = new StatusError(503, 'no credential');
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'StatusError');
    assert.deepEqual(error.toStatus(), createStatus(503, 'no credential'));
  });

  it('keeps its cause private: the Status has only the message', () => {
    const cause = new Error('hush');
    const error = new StatusError(502, 'the API server is not reachable', { cause });
    assert.equal(error.cause, cause);
    assert.doesNotMatch(JSON.stringify(error.toStatus()), /hush/);
  });
});
