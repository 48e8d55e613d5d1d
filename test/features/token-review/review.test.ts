import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Registry } from 'prom-client';
import { digestOf } from '../../../src/authentication/bearer-token.js';
import { AuthenticationError, IdentityError } from '../../../src/authentication/identity.js';
import { type AuthenticationRequest, uidTarget } from '../../../src/authentication/method.js';
import { bearerTokenFields, credentialIdTarget } from '../../../src/features/common/bearer-token.js';
import { tokenReview } from '../../../src/features/token-review/feature.js';
import type { UserInfo } from '../../../src/kubernetes/user-info.js';
import { parseOptions } from '../../../src/options/parse.js';
import { createCore } from '../../support/features/core.js';
import { createIdToken } from '../../support/identities/oidc-issuer.js';
import { type Answer, answeringPool, jsonOf } from '../../support/transport/answering-pool.js';
import { accessTo, onlySource } from '../../support/transport/upstream-requests.js';

const turnedOn = '--authentication-token-webhook';
const optionsOf = (...argv: string[]) => {
  const { options, problems } = parseOptions({ argv, env: {} });
  assert.deepEqual(problems, []);
  return options;
};

/** The feature with these flags, and a token that a cluster reviews with this answer. */
async function review(token: string, answer: Answer, ...flags: string[]) {
  const asked: unknown[] = [];
  const pool = answeringPool(({ path, body }) => {
    asked.push({ path, ...(jsonOf(body) as object) });
    return answer;
  });
  const registry = new Registry();
  const options = optionsOf(turnedOn, ...flags);
  const made = await tokenReview.create(options, createCore(), tokenReview.metrics(registry));
  assert.ok(made);
  const endpoint = { identity: { server: 'a' } };
  const cluster = { ...onlySource(accessTo(pool)), endpoint, voucher: undefined as unknown };
  cluster.voucher = cluster;
  const request = { cluster, mount: { namesContext: false }, openCluster: () => endpoint };
  const before = performance.now();
  const user = made.method.authenticator.authenticateToken(
    { text: token, digest: digestOf(token), source: '192.0.2.1' },
    request as unknown as AuthenticationRequest,
  ) as Promise<UserInfo>;
  await Promise.allSettled([user]);
  const metrics = await registry.metrics();
  const value = (name: string) =>
    Number(new RegExp(`^kube_api_proxy_token_review_duration_seconds_${name} (.*)$`, 'm').exec(metrics)?.[1]);
  assert.equal(value('count'), 1);
  assert.ok(value('sum') > 0 && value('sum') * 1000 <= performance.now() - before);
  made.close();
  return { user, asked, method: made.method };
}

const robot = {
  username: 'system:serviceaccount:shop:robot',
  uid: '4-2',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
  extra: { pod: ['web-0'], node: null },
};
const known = (user: object, more: object = {}) => ({
  status: 201,
  body: { status: { authenticated: true, user, ...more } },
});

describe('a TokenReview', () => {
  it('asks the API server for the user of a token, whose bytes are UTF-8', async () => {
    const expires = new Date(1_800_000_000_000);
    const token = createIdToken(expires);
    const { user, asked, method } = await review(token, known(robot));
    const extra = new Map(Object.entries({ pod: ['web-0'], node: [] }));
    assert.deepEqual(await user, { ...robot, extra, expires: expires.getTime() });
    const posted = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token } };
    assert.deepEqual(asked, [{ path: '/apis/authentication.k8s.io/v1/tokenreviews', ...posted }]);
    assert.deepEqual(method.impersonates(), [uidTarget, credentialIdTarget]);
    assert.deepEqual(method.kubeconfigUsers(), [
      { fields: bearerTokenFields, isComplete: false, isPerCluster: true },
    ]);
    const other = await review('\xc3\xa9', { ...known({ username: 'é', groups: null }), status: 200 });
    assert.deepEqual((other.asked as [typeof posted])[0].spec, { token: 'é' });
    const { groups, uid, extra: none } = await other.user;
    assert.deepEqual([groups, uid, none], [['system:authenticated'], undefined, new Map()]);
  });

  it('names the audiences that are accepted, one of which has to match', async () => {
    const flag = '--api-audiences=one,two';
    const audiences = (of: unknown) => review('t', known({ username: 'ann' }, { audiences: of }), flag);
    const { user, asked } = await audiences(['three', 'two']);
    assert.equal((await user).username, 'ann');
    assert.deepEqual((asked as [{ spec: object }])[0].spec, { token: 't', audiences: ['one', 'two'] });
    for (const of of [undefined, null, [], ['three']])
      await assert.rejects((await audiences(of)).user, AuthenticationError);
  });

  it('lets in nobody whom the API server does not know, and nobody who may not act here', async () => {
    for (const [status, error] of [
      [{ user: robot }, AuthenticationError],
      [{ user: robot, authenticated: false }, AuthenticationError],
      [{ user: robot, authenticated: 'true' }, AuthenticationError],
      [{ user: { username: 'ann', groups: ['system:masters'] }, authenticated: true }, IdentityError],
      [{ user: {}, authenticated: true }, IdentityError],
      [{ authenticated: true }, IdentityError],
    ] as const)
      await assert.rejects((await review('t', { status: 201, body: { status } })).user, error);
  });

  it('fails if the API server refuses it, or answers something else', async () => {
    for (const [status, body, code, message] of [
      [401, '', 502, /credential/],
      [403, '', 500, /answers 403 to a TokenReview; .* create on tokenreviews/],
      [404, '', 503, /answers 404 to a TokenReview$/],
      [202, known(robot).body, 503, /answers 202 to a TokenReview$/],
      ...['', '{', '[]', 'null', '{}', '{"status":null}', '{"status":"Success"}', '{"status":[]}'].map(
        text => [201, text, 503, /is not a TokenReview/] as const,
      ),
    ] as const)
      await assert.rejects((await review('t', { status, body })).user, { code, message }, String(body));
  });

  it('is made only if the flag is set', async () => {
    const { name, flag, sendsSecret, isOn } = tokenReview.method;
    assert.deepEqual([name, flag, sendsSecret], ['token_review', turnedOn, true]);
    assert.deepEqual([isOn(optionsOf(turnedOn)), isOn(optionsOf())], [true, false]);
    const off = await tokenReview.create(optionsOf(), createCore(), tokenReview.metrics(new Registry()));
    assert.equal(off, undefined);
  });
});
