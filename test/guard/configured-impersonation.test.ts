import assert from 'node:assert/strict';
import { it } from 'node:test';
import { rejectImpersonation } from '../../src/guard/configured-impersonation.js';
import { Rejection } from '../../src/guard/rejection.js';

it('a proxy that impersonates rejects a request with an Impersonate-* header of any kind and case, and accepts one without', () => {
  for (const name of [
    'Impersonate-User',
    'impersonate-group',
    'IMPERSONATE-UID',
    'Impersonate-Extra-scopes',
  ]) {
    assert.throws(
      () => rejectImpersonation(['Host', 'x', name, 'system:admin']),
      (error: unknown) => {
        assert.ok(error instanceof Rejection);
        assert.equal(error.code, 403);
        assert.equal(error.reason, 'impersonation');
        assert.match(error.message, /Impersonate-\* headers are not accepted.*--as/);
        return true;
      },
      name,
    );
  }
  rejectImpersonation(['Host', 'x', 'Connection', 'Impersonate-User', 'Accept', '*/*']);
});
