import { postReview } from '../../clusters/own-request.js';
import { isObject } from '../../lib/json.js';
import type { Access } from '../../transport/access.js';

/** The fields of `UserInfo` of authentication.k8s.io/v1 that are used here. */
interface ReviewedUser {
  readonly username: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

const timeout = 5_000;
const authentication = 'authentication.k8s.io/v1';

/**
 * Asks the API server whose the credential of an access is (SelfSubjectReview, KEP-3325). Every authenticated user may ask
 * (`system:basic-user`). Resolves to a text that is equal for two credentials of the same user, or to undefined if the API server does not
 * say it: before Kubernetes 1.28 it does not serve such reviews. Rejects if it may say it later: there is no complete answer in time, or the
 * answer is 401, 429 or an error of the server.
 *
 * The answer is about this credential alone: no other one is tried after a 401, and the configured impersonation is not sent.
 */
export async function reviewSubject(access: Access): Promise<string | undefined> {
  const thisAlone = { access: () => access, refused: async () => undefined };
  const { status, text } = await postReview(thisAlone, {
    apiVersion: authentication,
    kind: 'SelfSubjectReview',
    as: [],
    timeout,
  });
  if (status === 401 || status === 429 || status >= 500) {
    throw new Error(`the API server at ${access.host} answers ${status} to a SelfSubjectReview`);
  }
  const user = status === 201 || status === 200 ? readUser(text) : undefined;
  return user && textOf(user);
}

/** Undefined for what is not the review of an authenticated user. */
function readUser(text: string): ReviewedUser | undefined {
  try {
    const { kind, status } = JSON.parse(text) as { kind?: unknown; status?: { userInfo?: unknown } };
    const user = status?.userInfo;
    return kind === 'SelfSubjectReview' && isUser(user) ? user : undefined;
  } catch {
    return undefined;
  }
}

function isUser(value: unknown): value is ReviewedUser {
  if (!isObject(value)) return false;
  const { username, uid = '', groups = [], extra = {} } = value;
  if (typeof username !== 'string' || username === '' || username === 'system:anonymous') return false;
  return typeof uid === 'string' && isList(groups) && isObject(extra) && Object.values(extra).every(isList);
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}

/** All that the API server says about a user, except what names the credential. Undefined if it cannot tell users apart. */
function textOf(user: ReviewedUser): string | undefined {
  const extra = Object.entries(user.extra ?? {}).filter(([name]) => !namesCredential(name, user));
  const text = JSON.stringify([
    ...[user.username, user.uid ?? ''],
    ...[[...(user.groups ?? [])].sort(), extra.sort(([one], [other]) => (one < other ? -1 : 1))],
  ]);
  // Go writes every byte that is not UTF-8 as this character, so that different names look the same.
  return text.includes('\ufffd') ? undefined : text;
}

/**
 * Whether an extra field names the credential and not the user, so that it differs after a rotation. All other fields count, for example the
 * Pod that a token is bound to: an authorizer may decide by them.
 *
 * - `credential-id` is the ID of a token or the hash of a certificate, for audit logs (KEP-4193).
 * - `accessKeyId` is the AWS access key that has signed the token; AWS replaces the keys of a role every few hours (aws-iam-authenticator
 *   `pkg/server`). The uid has the AWS account and the unique ID of the user or role, and other fields have the session's name.
 */
function namesCredential(name: string, { uid = '' }: ReviewedUser): boolean {
  if (name === 'authentication.kubernetes.io/credential-id') return true;
  return name === 'accessKeyId' && /^aws-iam-authenticator:\d+:\w+$/.test(uid);
}
