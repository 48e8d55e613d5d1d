import type { RawHeaders } from '../http/header-fields.js';
import { impersonationPrefix, namedUser } from './impersonation.js';
import {
  type ConstrainedRights,
  constrainedRights,
  type ImpersonatedAttribute,
  legacyRights,
} from './impersonation-rights.js';
import { StatusError } from './status.js';
import type { UserInfo } from './user-info.js';

/** A user that a caller asks to act as (`kubectl --as`). */
export interface RequestedUser {
  /** As the client named it, without the groups that the API server adds. */
  readonly user: UserInfo;
  /** The client's Impersonate-* fields: name, value, … */
  readonly headers: RawHeaders;
  /** The rights of the verb `impersonate` that its caller needs, in the order in which the API server judges them. */
  readonly legacy: readonly ImpersonatedAttribute[];
  /** Those of constrained impersonation, which are enough too; undefined if the API server has none, or none for this user. */
  readonly constrained: ConstrainedRights | undefined;
}

/** Each value costs the API server a review. */
const mostValues = 64;
/** The group that the API server adds to each user who is authenticated. */
const allUsers = 'system:authenticated';
/** The fields that have one value, which may be empty. */
const single: ReadonlySet<string> = new Set(['impersonate-user', 'impersonate-uid']);

/**
 * The user whom the Impersonate-* fields of a request name, read as the API server reads them; undefined if they name none. Throws a
 * StatusError of 400 if they name a group, uid or extra field of no user (since Kubernetes 1.35, `processImpersonationHeaders`); and if
 * there are two users or uids, more than 64 values, or a value that is not UTF-8, so that no review could name it exactly.
 *
 * @param hasConstrained Whether the API server has constrained impersonation.
 */
export function requestedUser(rawHeaders: RawHeaders, hasConstrained: boolean): RequestedUser | undefined {
  const headers: string[] = [];
  const seen = new Set<string>();
  let namesAny = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    const key = name.toLowerCase();
    if (!key.startsWith(impersonationPrefix)) continue;
    if (single.has(key) && seen.has(key))
      throw new StatusError(400, `the request has more than one ${name} header`);
    seen.add(key);
    headers.push(name, value);
    namesAny ||= value !== '' || !single.has(key);
  }
  if (!namesAny) return undefined;
  const user = namedUser(headers);
  if (user === undefined) {
    throw new StatusError(400, 'the request impersonates a group, a uid or an extra field, but no user');
  }
  const legacy = legacyRights(user, hasConstrained);
  if (legacy.length > mostValues) {
    throw new StatusError(400, `the request impersonates more than ${mostValues} values`);
  }
  if (legacy.some(({ name, subresource = '' }) => `${name}${subresource}`.includes('\ufffd'))) {
    throw new StatusError(400, 'the request impersonates a value that is not UTF-8');
  }
  const constrained = hasConstrained ? constrainedRights(user) : undefined;
  if (constrained?.mode !== 'arbitrary-node') return { user, headers, legacy, constrained };
  // Of a node with a group the API server does not make one with the rights of nodes, as it may if the proxy's own identity may do that.
  return { user, headers: [...headers, 'Impersonate-Group', allUsers], legacy, constrained: undefined };
}
