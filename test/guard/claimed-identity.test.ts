import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rejectClaimedIdentity } from '../../src/guard/claimed-identity.js';

describe('a proxy that authenticates its callers', () => {
  it('rejects a request that names its own user, in every spelling that some server accepts', () => {
    for (const name of [
      ...['Impersonate-User', 'iMPERSONATE-gROUP', 'Impersonate-Uid', 'Impersonate-Extra-Scopes'],
      ...['Impersonate-Extra-', 'Impersonate-Anything-New', 'Impersonate_User'],
      ...['impersonate_extra_scopes', 'Impersonate.User', 'Impersonate--User', 'Impersonate-_User'],
      ...['X--Remote-User', 'Impersonate', 'X-Remote-User', 'x-remote-group', 'X-REMOTE-GROUPS'],
      ...['X-Remote-Uid', 'X-Remote-Extra-Scopes', 'X-Remote-Extra-', 'X_Remote_User'],
      ...['X-Remote_User', 'x.remote.extra.scopes'],
    ]) {
      assert.throws(
        () => rejectClaimedIdentity(['Host', 'x', name, 'system:admin']),
        {
          ...{ code: 403, reason: 'impersonation' },
          message: /Impersonate-\* and X-Remote-\* headers are not accepted/,
        },
        name,
      );
    }
  });

  it('lets those fields pass by which a caller may ask to act as another user, and in no other spelling', () => {
    const judge = (name: string) =>
      rejectClaimedIdentity(['Impersonate-User', 'a', name, 'b'], /^impersonate-user$/i);
    for (const name of ['IMPERSONATE-USER', 'X-Impersonate-User-']) judge(name);
    for (const name of ['Impersonate_User', 'Impersonate-Users', 'X-Remote-User'])
      assert.throws(() => judge(name), { code: 403 }, name);
  });

  it('rejects a second Authorization header, whatever both contain, and accepts other headers, even with a similar name', () => {
    for (const other of ['Authorization', 'AUTHORIZATION'])
      assert.throws(
        () => rejectClaimedIdentity(['Authorization', 'Bearer a', 'Accept', '*/*', other, 'Bearer a']),
        { code: 400 },
      );
    rejectClaimedIdentity([
      ...['Host', 'x', 'Authorization', 'Bearer a', 'Connection', 'Impersonate-User', 'X-Remote-Addr', '::1'],
      ...['Accept', 'a', 'Accept-Language', 'b', 'X-Remote-Username-Hint', 'a', 'If-Match', 'b'],
      ...['X-Forwarded-User', 'c', 'Impersonator', 'd'],
    ]);
  });
});
