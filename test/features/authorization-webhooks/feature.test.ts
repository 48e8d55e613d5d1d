import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authorizationWebhooks } from '../../../src/features/authorization-webhooks/feature.js';
import { createCheck } from '../../../src/features/authorization-webhooks/guard.js';
import type { AskedReview } from '../../../src/features/authorization-webhooks/review.js';
import type { Opinion, Webhook } from '../../../src/features/authorization-webhooks/webhook.js';
import { Webhooks } from '../../../src/features/authorization-webhooks/webhooks.js';
import { Rejection } from '../../../src/guard/rejection.js';
import { parseRequestInfo } from '../../../src/kubernetes/request-info.js';
import { TooManyReviewsError } from '../../../src/reviews/authorizer.js';
import { createCore } from '../../support/features/core.js';
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

it('authorization webhooks are off without their file, and ask about callers alone', async () => {
  const [guard] = authorizationWebhooks.guards;
  const isOn = (authorizationConfig: string, authentication: object | undefined) =>
    guard.create({ authorizationConfig }, { authentication } as never) !== undefined;
  assert.deepEqual([isOn('', {}), isOn('file', undefined), isOn('file', {})], [false, false, true]);
  const created = authorizationWebhooks.create({ authorizationConfig: '' }, createCore(), {} as never);
  assert.equal(await created, undefined);
});

describe('the webhooks of a file', () => {
  type Answer = (verb: string) => Opinion | Promise<Opinion>;

  /** What comes of a question if each webhook answers it so, at once or later, and what each was asked. */
  async function decided(attributes: object, ...opinions: readonly Answer[]) {
    const asked: string[] = [];
    const webhooks = new Webhooks();
    webhooks.use(
      opinions.map((opinion, at) => {
        const opinionOn = ({ spec }: AskedReview) => {
          const { verb = '' } = spec.resourceAttributes ?? {};
          asked.push(`${at} ${verb}`);
          return opinion(verb);
        };
        return { name: `w${at}`, opinionOn } as unknown as Webhook;
      }),
    );
    const denial = await webhooks.denialOf(wish(attributes));
    const verb =
      denial && 'resourceAttributes' in denial.attributes && denial.attributes.resourceAttributes.verb;
    return [denial && `${denial.by} ${verb} ${denial.reason}`, ...asked];
  }
  const no = { reason: 'no', error: undefined };
  const now = (opinion: Opinion) => () => opinion;
  const later = (opinion: Opinion) => async () => opinion;

  it('are asked one after the other, until one allows or denies', async () => {
    for (const say of [now, later])
      for (const other of [now, later])
        for (const [opinions, ...expected] of [
          [['none', 'none', 'none'], undefined, '0 list', '1 list', '2 list'],
          [['none', 'allow', no], undefined, '0 list', '1 list'],
          [['none', no, 'none'], 'w1 list no', '0 list', '1 list'],
          [[no, 'none'], 'w0 list no', '0 list'],
        ] as const)
          assert.deepEqual(
            await decided({}, ...opinions.map((opinion, at) => (at % 2 ? say : other)(opinion))),
            expected,
          );
  });

  it('are asked for the right to create too, if a GET connects to a Pod', async () => {
    const exec = { verb: 'get', subresource: 'exec' };
    for (const say of [now, later]) {
      for (const [attributes, ...asked] of [
        [exec, '0 get', '0 create'],
        [{ ...exec, subresource: 'attach' }, '0 get', '0 create'],
        [{ ...exec, subresource: 'portforward' }, '0 get', '0 create'],
        [{ ...exec, subresource: 'log' }, '0 get'],
        [{ verb: 'get' }, '0 get'],
        [{ ...exec, verb: 'create' }, '0 create'],
        [{ ...exec, group: 'x' }, '0 get'],
        [{ ...exec, resource: 'services' }, '0 get'],
      ] as const)
        assert.deepEqual(await decided(attributes, say('none')), [undefined, ...asked]);
      const denies = (what: string) => (verb: string) => say(verb === what ? no : 'none')();
      assert.deepEqual(await decided(exec, denies('get')), ['w0 get no', '0 get']);
      assert.deepEqual(await decided(exec, denies('create')), ['w0 create no', '0 get', '0 create']);
    }
  });
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
    record: {},
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
  /** The code or the error of what comes of it, where the webhook denies this verb and the API server answers whether the object is there. */
  async function judged(
    line: string,
    {
      denied,
      answer = 404,
      type = '',
      error,
    }: { denied: string; answer?: number; type?: string; error?: Error },
  ) {
    const [method = '', path = ''] = line.split(' ');
    const asked: string[] = [];
    const reviews = {
      async denialOf({ attributes }: ReturnType<typeof wish>) {
        if ('nonResourceAttributes' in attributes) {
          const { verb, path } = attributes.nonResourceAttributes;
          asked.push(`${verb} ${path}`);
          return undefined;
        }
        const { verb, ...rest } = attributes.resourceAttributes;
        asked.push(`${verb} ${rest.resource} ${rest.namespace ?? '-'}/${rest.name ?? '-'}`);
        return verb === denied ? { by: 'policy', attributes, reason: 'no', error } : undefined;
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
        ({ code, message }) => (code === 500 ? message : code),
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
    const failed = await judged(`PUT ${pod}`, { denied, error: new Error('broken') });
    assert.equal(failed[0], 'Internal error occurred: broken');
    const apply = await judged(`PATCH ${pod}`, { denied, type: 'application/Apply-Patch+yaml' });
    assert.deepEqual(apply, [403, 'patch pods d/x', create, `GET ${pod}`]);
    const namespace = await judged('PUT /api/v1/namespaces/d', { denied });
    assert.deepEqual(namespace.slice(0, 3), [403, 'update namespaces d/d', 'create namespaces -/d']);
    const role = await judged('PUT /apis/rbac.authorization.k8s.io/v1/clusterroles/r', { denied: '' });
    assert.equal(role[2], 'create clusterroles -/r');
  });

  it('is no other PATCH, and none to a subresource, to a collection or to a path that is no resource', async () => {
    for (const [line, type, asked] of [
      [`PATCH ${pod}`, 'application/json-patch+json', 'patch pods d/x'],
      [`PUT ${pod}/status`, '', 'update pods d/x'],
      ['PATCH /version', 'application/apply-patch+yaml', 'patch /version'],
      ['PATCH /api/v1', 'application/apply-patch+yaml', 'patch /api/v1'],
      ['PUT /healthz', 'application/apply-patch+yaml', 'put /healthz'],
      ['PATCH /api/v1/namespaces/d/pods', 'application/apply-patch+yaml', 'patch pods d/-'],
      ['PUT /api/v1/namespaces/d/pods', '', 'update pods d/-'],
      [`POST /api/v1/namespaces/d/pods`, 'application/apply-patch+yaml', 'create pods d/-'],
    ] as const)
      assert.deepEqual(await judged(line, { denied: '', type }), [200, asked]);
  });
});
