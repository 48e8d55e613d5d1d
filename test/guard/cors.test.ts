import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCorsPolicy } from '../../src/guard/cors.js';
import { compileOriginList } from '../../src/guard/origin-list.js';

const compiled = compileOriginList('--cors-allowed-origins', '^https://app\\.example$,^http://localhost:');
assert.ok('list' in compiled);
const policy = createCorsPolicy(compiled.list);

describe('the CORS policy', () => {
  it('sends an allowed origin the fields that the API server sends, and tells caches that answers differ by origin', () => {
    for (const origin of ['https://app.example', 'http://localhost:3000']) {
      assert.equal(policy.isAllowed(origin), true);
      const headers = policy.answerHeaders(origin);
      assert.deepEqual(headers, [
        'Access-Control-Allow-Origin',
        origin,
        'Access-Control-Allow-Credentials',
        'true',
        'Access-Control-Allow-Methods',
        'POST, GET, OPTIONS, PUT, DELETE, PATCH',
        'Access-Control-Allow-Headers',
        'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since',
        'Access-Control-Expose-Headers',
        'Date',
        'Vary',
        'Origin',
      ]);
      assert.equal(policy.answerHeaders(origin), headers);
      assert.equal(policy.isAllowed(origin), true);
    }
  });

  it('sends other origins only the field that says that answers differ', () => {
    for (const origin of ['https://evil.example', 'null', '', 'https://app.example.evil', undefined]) {
      if (origin !== undefined) assert.equal(policy.isAllowed(origin), false);
      assert.deepEqual(policy.answerHeaders(origin), ['Vary', 'Origin']);
    }
  });

  it('still answers after more origins than it caches', () => {
    for (let port = 1; port < 200; port++) {
      assert.equal(policy.answerHeaders(`http://localhost:${port}`)[1], `http://localhost:${port}`);
    }
  });
});
