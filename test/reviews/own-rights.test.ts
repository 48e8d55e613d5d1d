import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Cluster } from '../../src/clusters/cluster.js';
import { createImpersonationCheck, type ImpersonationTarget } from '../../src/reviews/own-rights.js';
import { answeringPool } from '../support/transport/answering-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

const users: ImpersonationTarget = { group: '', resource: 'users' };
const scopes: ImpersonationTarget = { group: 'a.k8s.io', resource: 'userextras', subresource: 'scopes' };

/** Which of these an identity with these rules lacks, where all reviews say that it may not impersonate them but for `allowed`. */
async function missing(
  resourceRules: unknown,
  targets: readonly ImpersonationTarget[],
  allowed?: object,
  hasConstrained?: boolean,
) {
  const pool = answeringPool(() => ({ status: 201, body: { status: { resourceRules } } }));
  const cluster = { host: 'h', name: 'c', access: () => accessTo(pool), refused: async () => undefined };
  const ask = async ({ attributes }: { readonly attributes: object }) => {
    const [{ verb, ...target } = {}] = Object.values(attributes) as Record<string, unknown>[];
    if (hasConstrained === undefined) assert.equal(verb, 'impersonate');
    return { isAllowed: JSON.stringify(target) === JSON.stringify(allowed) };
  };
  const parts = { reviews: { ask }, constrainedImpersonation: { isThere: async () => hasConstrained } };
  const check = createImpersonationCheck(parts as never, cluster as unknown as Cluster, () => targets);
  const message = await check().then(
    () => '',
    (error: Error) => error.message,
  );
  return /may not impersonate (.*);/.exec(message)?.[1] ?? message;
}

it('an identity lacks the rights that neither a review nor one of its rules has, even one for certain names', async () => {
  const rule = { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['jane'] };
  const all = [users, scopes];
  assert.equal(await missing([], all), 'users, userextras/scopes (a.k8s.io)');
  assert.equal(await missing([], all, users), 'userextras/scopes (a.k8s.io)');
  assert.equal(await missing([rule], all), 'userextras/scopes (a.k8s.io)');
  for (const rules of [undefined, null, {}, [{}], [{ ...rule, verbs: null }], [{ ...rule, verbs: ['get'] }]])
    assert.equal(await missing(rules, [users]), 'users', JSON.stringify(rules));
  for (const other of [{ apiGroups: ['a.k8s.io'] }, { resources: ['groups'] }, { resources: ['*/users'] }])
    assert.equal(await missing([{ ...rule, ...other }], [users]), 'users', JSON.stringify(other));
  for (const more of [{}, { verbs: ['*'] }, { apiGroups: ['*'] }, { resources: ['x', '*'] }])
    assert.equal(await missing([{ ...rule, ...more }], [users]), '', JSON.stringify(more));
  const extras = { ...rule, apiGroups: ['a.k8s.io'] };
  for (const [resource, lacks] of [
    ['userextras/scopes', ''],
    ['*/scopes', ''],
    ['*', ''],
    ['userextras', 'userextras/scopes (a.k8s.io)'],
    ['userextras/*', 'userextras/scopes (a.k8s.io)'],
  ] as const)
    assert.equal(await missing([{ ...extras, resources: [resource] }], [scopes]), lacks, resource);
});

describe('an identity with rights of constrained impersonation', () => {
  const group = 'authentication.k8s.io';
  const ids: ImpersonationTarget = {
    group,
    resource: 'userextras',
    subresource: 'authentication.kubernetes.io/id',
  };
  const on = { apiGroups: [group], verbs: ['impersonate:user-info'] };
  const rules = [
    { ...on, resources: ['users'], resourceNames: ['jane'] },
    { ...on, resources: [`userextras/${ids.subresource}`] },
    {
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
      verbs: ['impersonate-on:user-info:create'],
    },
  ];

  it('lacks nothing if it has those for values and reviews, and the API server knows them', async () => {
    assert.equal(await missing(rules, [users, ids], undefined, true), '');
  });

  it('lacks an API server that knows them', async () => {
    const message = await missing(rules, [users, ids], undefined, false);
    assert.match(message, /^this API server has no constrained impersonation .*grant the verb impersonate,/);
  });

  it('lacks the values and reviews that no rule names, and those of legacy impersonation do not count', async () => {
    for (const [without, lacks] of [
      [0, 'impersonate:user-info users (authentication.k8s.io)'],
      [1, `impersonate:user-info userextras/${ids.subresource} (authentication.k8s.io)`],
      [
        2,
        'impersonate-on:user-info:create selfsubjectaccessreviews (authorization.k8s.io), ' +
          'impersonate-on:user-info:create selfsubjectrulesreviews (authorization.k8s.io)',
      ],
    ] as const) {
      const legacy = { verbs: ['impersonate'], apiGroups: ['*'], resources: ['none'] };
      const others = [...rules.filter((_, index) => index !== without), legacy];
      const message = await missing(others, [users, ids], undefined, true);
      assert.ok(message.includes(`lacks rights of constrained impersonation: ${lacks};`), message);
    }
  });

  it('can use no extra field whose key is no domain and path in lower case', async () => {
    for (const subresource of ['scopes', 'Acme.com/a', 'acme.com/A', '/a', 'acme.com/']) {
      const target = { ...ids, subresource };
      const all = [...rules, { ...on, resources: [`userextras/${subresource}`] }];
      const message = await missing(all, [users, target], undefined, true);
      assert.ok(
        message.startsWith(`constrained impersonation takes no extra field ${subresource}: `),
        message,
      );
    }
  });
});
