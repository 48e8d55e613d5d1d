import { policyOf, type Rule } from '../fake-api-server/rbac.js';

/** A token of the proxy's own identity at the embedded API server: it may impersonate and review tokens, and nothing else. */
export const proxyToken = 'token-of-the-proxy';

/** A file of callers (`callers.ts`): alice-token is alice's, in group dev, and bob-token is bob's. */
export const twoUsers = 'alice-token,alice,,"dev"\nbob-token,bob,,\n';

const pods = ['', '/attach', '/exec', '/log', '/portforward', '/proxy', '/status'].map(
  subresource => `pods${subresource}`,
);

const everyPath = { nonResourceURLs: ['*'], verbs: ['get'] };

/** The rights: alice may use pods, bob may use config maps, and the proxy may only impersonate and review tokens. */
export const twoUsersRules: Readonly<Record<'alice' | 'bob' | 'proxy', readonly Rule[]>> = {
  alice: [{ apiGroups: [''], resources: pods, verbs: ['*'] }, everyPath],
  bob: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['*'] }, everyPath],
  proxy: [
    { apiGroups: [''], resources: ['users', 'groups', 'serviceaccounts'], verbs: ['impersonate'] },
    { apiGroups: ['authentication.k8s.io'], resources: ['*'], verbs: ['impersonate'] },
    { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    everyPath,
  ],
};

/** The same rights as a policy of the embedded API server. */
export const twoUsersPolicy = policyOf(user => twoUsersRules[user as keyof typeof twoUsersRules]);
