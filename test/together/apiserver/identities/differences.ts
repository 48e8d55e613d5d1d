import type { EventUser } from '../../../support/kube-apiserver/audit-log.js';

/** The user whom a server knows, with the groups in alphabetical order, or the code of its refusal. */
export type Verdict = Required<EventUser> | 400 | 401 | 403;

/** A way in which the gateway differs from the API server. */
export interface Difference {
  /** The first cell of its row in the gateway's README. */
  readonly documented: string;
  /** What the gateway makes of it, when this is what the API server makes of it. */
  readonly gateway: (verdict: Verdict) => Verdict;
  /** Whether the gateway does not differ where it asks the API server about the token. */
  readonly isOfOwnMethods?: boolean;
}

const credentialId = 'authentication.kubernetes.io/credential-id';

/** A change of the users of the API server. */
function change(modify: (user: Required<EventUser>) => Verdict): Difference['gateway'] {
  return verdict => (typeof verdict === 'number' ? verdict : modify(verdict));
}

/** All differences. */
export const differences = {
  nobody: {
    documented: 'none; no Bearer token in `Authorization`; a client certificate without CN',
    gateway: change(() => 401),
  },
  anonymous: {
    documented: 'one of `system:anonymous`, or of a user in `system:unauthenticated`',
    gateway: change(() => 401),
  },
  twoFields: { documented: 'two `Authorization` fields', gateway: () => 400 },
  twoWords: {
    documented: 'a token before another word, or besides a token as a subprotocol',
    gateway: change(() => 401),
  },
  spaces: {
    documented: 'a token with white space (of Unicode too) or a control character in it',
    gateway: change(() => 401),
  },
  reserved: {
    documented: 'a name or group that begins with `system:` or `kubeadm:`',
    gateway: change(() => 403),
  },
  reservedAccount: {
    documented: 'a name or group that begins with `system:` or `kubeadm:`',
    gateway: change(() => 403),
    isOfOwnMethods: true,
  },
  unsendable: {
    documented: 'a name, uid or group with a control character, or with a space at either end',
    gateway: change(() => 403),
  },
  nameless: { documented: 'a user without a name', gateway: change(() => 403) },
  groups: {
    documented: 'a group that is empty, or there twice',
    gateway: change(({ groups, ...user }) => ({
      ...user,
      groups: [...new Set(groups)].filter(group => group !== ''),
    })),
  },
  credentialId: {
    documented: 'a client certificate',
    gateway: change(({ extra, ...user }) => ({
      ...user,
      extra: Object.fromEntries(Object.entries(extra).filter(([key]) => key !== credentialId)),
    })),
    isOfOwnMethods: true,
  },
  certificateUid: {
    documented: 'a client certificate with a uid (`1.3.6.1.4.1.57683.2`)',
    gateway: change(user => ({ ...user, uid: '' })),
  },
  usage: {
    documented: 'a client certificate without the extended key usage `clientAuth`, or that may not sign',
    gateway: change(() => 401),
  },
  order: {
    documented: 'a client certificate whose issuers follow in the wrong order',
    gateway: change(() => 401),
  },
  ambiguous: {
    documented: 'a client certificate whose CN or O is a T61String that is not ASCII',
    gateway: change(() => 401),
  },
  claimTypes: {
    documented:
      'an ID token with an empty name, with `null` as its name or among its groups, or with a time as a string',
    gateway: change(() => 401),
    isOfOwnMethods: true,
  },
  distributedClaims: {
    documented: 'an ID token with groups at another URL (distributed claims)',
    gateway: () => aliceWithoutGroups,
    isOfOwnMethods: true,
  },
  claimNames: {
    documented: 'an ID token with `EXP` besides `exp`, or another such pair',
    gateway: () => aliceWithoutGroups,
    isOfOwnMethods: true,
  },
} as const satisfies Record<string, Difference>;

/** The user of the ID tokens. */
const aliceWithoutGroups = {
  username: 'corp:alice@example.com',
  uid: '',
  groups: ['system:authenticated'],
  extra: {},
};
