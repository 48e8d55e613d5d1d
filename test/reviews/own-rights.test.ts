import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Cluster } from '../../src/clusters/cluster.js';
import { createImpersonationCheck, type ImpersonationTarget } from '../../src/reviews/own-rights.js';
import { answeringPool } from '../support/transport/answering-pool.js';
import { accessTo } from '../support/transport/upstream-requests.js';

const users: ImpersonationTarget = { group: '', resource: 'users' };
const scopes: ImpersonationTarget = { group: 'a.k8s.io', resource: 'userextras', subresource: 'scopes' };

/** Which of these an identity with these rules lacks, where all reviews say that it may not impersonate them but for `allowed`. */
async function missing(resourceRules: unknown, targets: readonly ImpersonationTarget[], allowed?: object) {
  const pool = answeringPool(() => ({ status: 201, body: { status: { resourceRules } } }));
  const cluster = { host: 'h', name: 'c', access: () => accessTo(pool), refused: async () => undefined };
  const ask = async ({ attributes }: { readonly attributes: object }) => {
    const [{ verb, ...target } = {}] = Object.values(attributes) as Record<string, unknown>[];
    assert.equal(verb, 'impersonate');
    return { isAllowed: JSON.stringify(target) === JSON.stringify(allowed) };
  };
  const check = createImpersonationCheck({ ask } as never, cluster as unknown as Cluster, () => targets);
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
