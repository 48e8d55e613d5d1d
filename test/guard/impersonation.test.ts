import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { refuseImpersonation } from '../../src/guard/impersonation.js';
import { Refusal } from '../../src/guard/refusal.js';

describe('a proxy that impersonates', () => {
  it('refuses a request with an Impersonate-* header of any kind and case', () => {
    for (const name of [
      'Impersonate-User',
      'impersonate-group',
      'IMPERSONATE-UID',
      'Impersonate-Extra-scopes',
    ]) {
      assert.throws(
        () => refuseImpersonation(['Host', 'x', name, 'system:admin']),
        (error: unknown) => {
          assert.ok(error instanceof Refusal);
          assert.equal(error.code, 403);
          assert.equal(error.rejection, 'impersonation');
          assert.match(error.message, /Impersonate-\* headers are not accepted.*--as/);
          return true;
        },
        name,
      );
    }
  });

  it('lets a request without them pass', () => {
    refuseImpersonation(['Host', 'x', 'Connection', 'Impersonate-User', 'Accept', '*/*']);
  });
});
