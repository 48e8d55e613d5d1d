import type { EventUser } from '../../../support/kube-apiserver/audit-log.js';

/** What a server answers to a SelfSubjectReview: the user, or the code and the message of its refusal. */
export type Verdict = EventUser | { readonly code: number; readonly message: string };

/** A way in which the gateway differs from the API server. */
export interface Difference {
  /** The first cell of its row in the gateway's README. */
  readonly documented: string;
  /** The code of the gateway, whatever the API server answers. */
  readonly code: 400 | 403;
  readonly message: RegExp;
}

/** All differences. */
export const differences = {
  reserved: {
    documented:
      'a name or group that begins with `system:` or `kubeadm:`, except service accounts with their own groups, and `system:authenticated`',
    code: 403,
    message: /is reserved by Kubernetes/,
  },
  noUser: { documented: 'a group, uid or extra field without a user', code: 400, message: /but no user/ },
  tooMany: { documented: 'more than 64 values', code: 400, message: /more than 64 values/ },
  repeated: { documented: 'two users, or two uids', code: 400, message: /has more than one/ },
  otherName: {
    documented: 'another field that begins with `Impersonate`, such as `Impersonate_User`, or `X-Remote-*`',
    code: 403,
    message: /headers are not accepted/,
  },
  notText: { documented: 'a value or a key that is not UTF-8', code: 400, message: /is not UTF-8/ },
  control: {
    documented: 'a value with a control character (a tab), or over HTTP/2 with a space at either end',
    code: 403,
    message: /no impersonation header can carry/,
  },
} as const satisfies Record<string, Difference>;
