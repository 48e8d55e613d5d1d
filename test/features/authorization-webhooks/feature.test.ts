import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authorizationWebhooks } from '../../../src/features/authorization-webhooks/feature.js';
import { createCheck } from '../../../src/features/authorization-webhooks/guard.js';
import { Rejection } from '../../../src/guard/rejection.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { TooManyReviewsError } from '../../../src/reviews/authorizer.js';
import { answeringPool } from '../../support/transport/answering-pool.js';
import { accessTo, endpoint } from '../../support/transport/upstream-requests.js';
import { wish } from './fake-webhook.js';

it('authorization webhooks need a method of authentication', () => {
  const methods = [{ flag: '--some-method' }] as never;
  const problems = (authorizationConfig: string, methodsOn: readonly object[]) =>
    authorizationWebhooks.problems({ authorizationConfig }, new Set(), { methods, methodsOn } as never);
  assert.deepEqual(problems('file', []), [
    '--authorization-config needs a method of authentication (--some-method): it is about what each caller may do',
  ]);
  assert.deepEqual(problems('file', methods), []);
  assert.deepEqual(problems('', []), []);
});

it('a user with too many questions for a webhook gets 429, and no request passes for that', async () => {
  const reviews = {
    async denialOf() {
      throw new TooManyReviewsError('the authorization webhook policy');
    },
  };
  const request = {
    caller: wish().user,
    cluster: { name: 'dev' },
    path: { info: parseRequestInfo('GET', '/version', ''), forServer: { query: '' } },
    head: { rawHeaders: [] },
  };
  await assert.rejects(
    async () => createCheck({ reviews } as never)(request as never),
    (error: unknown) => {
      assert.ok(error instanceof Rejection);
      assert.deepEqual([error.code, error.reason, error.retryAfterSeconds], [429, 'webhook_busy', 1]);
      return true;
    },
  );
});

describe('a request that may make an object', () => {
  /** The code of what comes of it, where the webhook denies these verbs and the API server answers whether the object is there. */
  async function judged(
    line: string,
    { denied, answer = 404, type = '' }: { denied: string; answer?: number; type?: string },
  ) {
    const [method = '', path = ''] = line.split(' ');
    const asked: string[] = [];
    const reviews = {
      async denialOf({ attributes }: ReturnType<typeof wish>) {
        const { verb, ...rest } =
          'resourceAttributes' in attributes ? attributes.resourceAttributes : assert.fail();
        asked.push(`${verb} ${rest.resource} ${rest.namespace ?? '-'}/${rest.name ?? '-'}`);
        return verb === denied ? { by: 'policy', attributes, reason: 'no', error: undefined } : undefined;
      },
    };
    const pool = answeringPool(({ method, path }) => {
      asked.push(`${method} ${path}`);
      return { status: answer, body: {} };
    });
    const access = accessTo(pool);
    const request = {
      ...{ caller: wish().user, endpoint: { identity: endpoint }, mount: { namesContext: false } },
      cluster: { name: 'dev', host: 'h', access: () => access, refused: async () => undefined },
      path: { info: parseRequestInfo(method, path, ''), api: path, forServer: { query: '', raw: path } },
      head: { rawHeaders: ['Host', 'x', 'content-TYPE', type] },
      record: { denied() {}, annotate() {} },
    };
    const code = await Promise.resolve()
      .then(() => createCheck({ reviews } as never)(request as never))
      .then(
        () => 200,
        (error: { readonly code: number }) => error.code,
      );
    return [code, ...asked];
  }
  const pod = '/api/v1/namespaces/d/pods/x';

  it('needs the right to create it, unless the object is there', async () => {
    const [update, create] = ['update pods d/x', 'create pods d/x'];
    const denied = 'create';
    assert.deepEqual(await judged(`PUT ${pod}`, { denied: '' }), [200, update, create]);
    assert.deepEqual(await judged(`PUT ${pod}`, { denied: 'update' }), [403, update]);
    for (const [answer, code] of [
      [404, 403],
      [403, 403],
      [200, 200],
      [429, 503],
      [500, 503],
      [401, 502],
    ] as const)
      assert.deepEqual(await judged(`PUT ${pod}`, { denied, answer }), [code, update, create, `GET ${pod}`]);
    const apply = await judged(`PATCH ${pod}`, { denied, type: 'application/Apply-Patch+yaml' });
    assert.deepEqual(apply, [403, 'patch pods d/x', create, `GET ${pod}`]);
    const namespace = await judged('PUT /api/v1/namespaces/d', { denied });
    assert.deepEqual(namespace.slice(0, 3), [403, 'update namespaces d/d', 'create namespaces -/d']);
    const role = await judged('PUT /apis/rbac.authorization.k8s.io/v1/clusterroles/r', { denied: '' });
    assert.equal(role[2], 'create clusterroles -/r');
  });

  it('is no other PATCH, and none to a subresource', async () => {
    for (const [line, type, asked] of [
      [`PATCH ${pod}`, 'application/json-patch+json', 'patch pods d/x'],
      [`PUT ${pod}/status`, '', 'update pods d/x'],
      [`POST /api/v1/namespaces/d/pods`, 'application/apply-patch+yaml', 'create pods d/-'],
    ] as const)
      assert.deepEqual(await judged(line, { denied: '', type }), [200, asked]);
  });
});
