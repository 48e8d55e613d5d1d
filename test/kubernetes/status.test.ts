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
    const cause = new Error('a cause, which stays private');
    assert.equal(
      JSON.stringify(new StatusError(429, 'too many', { cause, retryAfterSeconds: 1 }).toStatus()),
      '{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",' +
        '"message":"too many","reason":"TooManyRequests","details":{"retryAfterSeconds":1},"code":429}',
    );
  });

  it('has the reason that apimachinery uses for its code, if there is one', () => {
    const reasons = {
      ...{ 400: 'BadRequest', 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound' },
      ...{ 410: 'Expired', 413: 'RequestEntityTooLarge', 418: '', 429: 'TooManyRequests' },
      ...{ 500: 'InternalError', 502: 'BadGateway' },
      ...{ 503: 'ServiceUnavailable', 504: 'Timeout' },
    };
    for (const [code, reason] of Object.entries(reasons))
      assert.equal(createStatus(Number(code), '').reason, reason, code);
  });
});
