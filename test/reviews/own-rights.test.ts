import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Cluster } from '../../src/clusters/cluster.js';
import { createImpersonationCheck, type ImpersonationTarget } from '../../src/reviews/own-rights.js';
import { answeringPool } from '../support/transport/answering-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

const users: ImpersonationTarget = { group: '', resource: 'users' };
const scopes: ImpersonationTarget = { group: 'a.k8s.io', resource: 'userextras', subresource: 'scopes' };

/** Which of these an identity with these rules lacks, where all reviews say no but for `allowed`: targets of legacy impersonation, or paths with their verb. */
async function missing(
  resourceRules: unknown,
  targets: readonly ImpersonationTarget[],
  allowed: readonly object[] = [],
  hasConstrained?: boolean,
) {
  const pool = answeringPool(() => ({ status: 201, body: { status: { resourceRules } } }));
  const cluster = { host: 'h', name: 'c', access: () => accessTo(pool), refused: async () => undefined };
  const ask = async ({ attributes }: { readonly attributes: object }) => {
    const [{ verb, ...target } = {}] = Object.values(attributes) as Record<string, unknown>[];
    if (hasConstrained === undefined) assert.equal(verb, 'impersonate');
    const asked = 'path' in target ? { ...target, verb } : target;
    return { isAllowed: allowed.some(one => isDeepStrictEqual(one, asked)) };
  };
  const parts = { reviews: { ask }, constrainedImpersonation: { isThere: async () => hasConstrained } };
  const check = createImpersonationCheck(parts as never, cluster as unknown as Cluster, () => targets);
  const message = await check().then(
    () => '',
    (error: Error) => error.message,
  );
  return /may not impersonate (.*);/.exec(message)?.[1] ?? message;
}

it('an identity that may impersonate the groups of service accounts needs no users, because it may have no callers but these', async () => {
  const groups: ImpersonationTarget = { group: '', resource: 'groups' };
  const rule = { verbs: ['impersonate'], apiGroups: [''], resources: ['groups'] };
  for (const [resourceNames, lacks] of [
    [['system:authenticated', 'system:serviceaccounts', 'system:serviceaccounts:a'], ''],
    [['system:authenticated', 'dev'], 'users'],
    [undefined, 'users'],
  ] as const)
    assert.equal(await missing([{ ...rule, resourceNames }], [users, groups]), lacks);
  const accounts = { ...rule, resourceNames: ['system:serviceaccounts'] };
  assert.equal(await missing([accounts], [users, groups, scopes]), 'userextras/scopes (a.k8s.io)');
});

it('an identity lacks the rights that neither a review nor one of its rules has, even one for certain names', async () => {
  const rule = { verbs: ['impersonate'], apiGroups: [''], resources: ['users'], resourceNames: ['jane'] };
  const all = [users, scopes];
  assert.equal(await missing([], all), 'users, userextras/scopes (a.k8s.io)');
  assert.equal(await missing([], all, [users]), 'userextras/scopes (a.k8s.io)');
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
  const reviewsIn = (mode: string) => [
    {
      apiGroups: ['authorization.k8s.io'],
      resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
      verbs: [`impersonate-on:${mode}:create`],
    },
    { apiGroups: [group], resources: ['selfsubjectreviews'], verbs: [`impersonate-on:${mode}:create`] },
  ];
  const rules = [
    { ...on, resources: ['users'], resourceNames: ['jane'] },
    { ...on, resources: [`userextras/${ids.subresource}`] },
    ...reviewsIn('user-info'),
  ];
  const discovery = ['/api', '/api/v1', '/apis', '/apis/apps/v1', '/openapi/v3', '/version'];
  /** Each path, in this mode. */
  const paths = (mode = 'user-info', of = discovery) =>
    of.map(path => ({ path, verb: `impersonate-on:${mode}:get` }));
  const lacking = (of: readonly object[], allowed: readonly object[] = paths(), has = true) =>
    missing(of, [users, ids], allowed, has);

  it('lacks nothing if it has those for values, reviews and discovery, and the API server knows them', async () => {
    assert.equal(await lacking(rules), '');
  });

  it('lacks an API server that knows them', async () => {
    const message = await lacking(rules, paths(), false);
    assert.match(message, /^this API server has no constrained impersonation .*grant the verb impersonate,/);
  });

  it('lacks the values, reviews and paths that no rule names, and those of legacy impersonation do not count', async () => {
    const create = 'impersonate-on:user-info:create';
    for (const [without, lacks] of [
      [0, 'impersonate:user-info users (authentication.k8s.io)'],
      [1, `impersonate:user-info userextras/${ids.subresource} (authentication.k8s.io)`],
      [
        2,
        `${create} selfsubjectaccessreviews (authorization.k8s.io), ` +
          `${create} selfsubjectrulesreviews (authorization.k8s.io)`,
      ],
      [3, `${create} selfsubjectreviews (authentication.k8s.io)`],
    ] as const) {
      const legacy = { verbs: ['impersonate'], apiGroups: ['*'], resources: ['none'] };
      const message = await lacking([...rules.filter((_, index) => index !== without), legacy]);
      assert.ok(message.includes(`lacks rights of constrained impersonation: ${lacks};`), message);
    }
    for (const path of discovery) {
      const others = discovery.filter(other => other !== path);
      const message = await lacking(rules, paths('user-info', others));
      assert.ok(message.includes(`: impersonate-on:user-info:get ${path};`), message);
    }
  });

  it('needs what it does in the modes in which it acts: as people, as service accounts, or both', async () => {
    const accounts = reviewsIn('serviceaccount');
    const both = [...rules, ...accounts];
    assert.equal(await lacking(both, [...paths(), ...paths('serviceaccount')]), '');
    assert.match(await lacking(both), /: impersonate-on:serviceaccount:get \/api, /);
    assert.match(
      await lacking([...rules, ...accounts.slice(1)], [...paths(), ...paths('serviceaccount')]),
      /: impersonate-on:serviceaccount:create selfsubjectaccessreviews \(/,
    );
    assert.equal(await lacking(accounts, paths('serviceaccount')), '', 'no user may come');
    const node = { apiGroups: [''], resources: ['pods'], verbs: ['impersonate-on:arbitrary-node:get'] };
    assert.match(await lacking([node]), /: impersonate:user-info users /);
  });

  it('can use no extra field whose key is no domain and path in lower case', async () => {
    const target = { ...ids, subresource: 'scopes' };
    const all = [...rules, { ...on, resources: ['userextras/scopes'] }];
    const message = await missing(all, [users, target], paths(), true);
    assert.match(message, /^constrained impersonation takes no extra field scopes: /);
  });
});
