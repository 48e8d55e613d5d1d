import assert from 'node:assert/strict';
import { it } from 'node:test';
import { configureAuthentication, type UsedMethod } from '../../src/authentication/authentication.js';
import { flagsOf, uidTarget } from '../../src/authentication/method.js';

const check = { name: 'issuer', check() {} };
const uid = { group: 'authentication.k8s.io', resource: 'uids' };
const id = { ...uid, resource: 'userextras', subresource: 'authentication.kubernetes.io/credential-id' };
const issuer = { url: 'https://issuer.test' };
const methods = [
  { hint: 'present a certificate', kubeconfigUsers: () => [{ fields: { a: 1 } }] },
  {
    ...{ hint: 'send a token', check },
    impersonates: () => [uidTarget, id],
    issuers: () => [issuer],
    kubeconfigUsers: () => [{ fields: { b: 2 } }],
  },
] as unknown as readonly UsedMethod[];

it('the methods of authentication together have the hints, checks, issuers and kubeconfig users of all, and need the rights that these need, each once', () => {
  const all = configureAuthentication({ allowImpersonation: false }, methods, {
    attempted() {},
    strangerReset() {},
  });
  assert.equal(flagsOf([{ flag: '--a' }, { flag: '--b' }]), '--a, --b');
  assert.deepEqual(all.authentication.hints, ['send a token', 'present a certificate']);
  assert.deepEqual([all.checks, all.issuers()], [[], [issuer]], 'the first method can find out somebody');
  const checked = methods.slice(1);
  const alone = configureAuthentication({ allowImpersonation: false }, checked, {
    attempted() {},
    strangerReset() {},
  });
  assert.deepEqual(alone.checks, [check]);
  assert.deepEqual(all.kubeconfigUsers(), [{ fields: { a: 1 } }, { fields: { b: 2 } }]);
  const ofUsers = ['users', 'groups'].map(resource => ({ group: '', resource }));
  for (const [allowImpersonation, used, expected] of [
    [false, methods.slice(0, 1), ofUsers],
    [true, methods.slice(0, 1), [...ofUsers, uid]],
    [false, methods, [...ofUsers, uid, id]],
    [true, methods, [...ofUsers, uid, id]],
  ] as const) {
    const { impersonated } = configureAuthentication({ allowImpersonation }, used, {
      attempted() {},
      strangerReset() {},
    });
    assert.deepEqual(impersonated(), expected);
  }
});
