import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { impersonatedUser, namedUser, serviceAccountOf } from '../../../src/kubernetes/impersonation.js';
import type { UserInfo as NamedUser } from '../../../src/kubernetes/user-info.js';
import type { RequestAttributes } from './request-attributes.js';
import { StatusFailure } from './status-failure.js';

/** The user of a request, as `authentication.k8s.io` describes it. */
export interface UserInfo {
  readonly username: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** The user of a token; system:authenticated is added to the groups. */
export interface KnownUser extends Omit<UserInfo, 'groups'> {
  readonly groups?: readonly string[];
}

/** The users by bearer token. */
export type KnownTokens = Readonly<Record<string, KnownUser>>;

const anonymous: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

/** The subject of a client certificate: CN and every O, in their order. */
export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** The subject of the client's certificate, verified or not, if it presented one. */
export function certificateSubject(socket: TLSSocket): CertificateSubject | undefined {
  const subject: { CN?: string | string[]; O?: string | string[] } | undefined =
    socket.getPeerCertificate?.()?.subject;
  if (!subject) return undefined;
  return { commonName: [subject.CN ?? []].flat().at(-1) ?? '', organizations: [subject.O ?? []].flat() };
}

/** The user of a token, with the group of all authenticated users. */
export function toUserInfo({ groups = [], ...user }: KnownUser): UserInfo {
  const { username, uid, extra } = user;
  const all = [...groups, 'system:authenticated'];
  return { username, ...(uid !== undefined && { uid }), groups: all, ...(extra && { extra }) };
}

function fromCertificate(socket: TLSSocket): UserInfo | undefined {
  const subject = certificateSubject(socket);
  if (!subject) return undefined;
  if (!socket.authorized) throw unauthorized();
  const digest = createHash('sha256').update(socket.getPeerCertificate().raw).digest('hex');
  const extra = { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${digest}`] };
  return toUserInfo({ username: subject.commonName, groups: subject.organizations, extra });
}

function unauthorized(): StatusFailure {
  return new StatusFailure(401, 'Unauthorized', 'Unauthorized');
}

/**
 * Tries the client certificate, then the Authorization header, then system:anonymous, which is kube-apiserver's order. Throws 401
 * for an unknown Authorization header or certificate.
 */
export function authenticate(request: IncomingMessage, tokens: KnownTokens): UserInfo {
  const user = fromCertificate(request.socket as TLSSocket);
  if (user) return user;
  const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(/ +/);
  if (scheme === '') return anonymous;
  const found = Object.hasOwn(tokens, token) ? tokens[token] : undefined;
  if (!found) throw unauthorized();
  return toUserInfo(found);
}

/** The authorizer's checks for an impersonation: one each for the user, its groups, extra fields and uid, in this order. */
function impersonationQuestions({ username, groups, extra, uid }: NamedUser) {
  const core = (resource: string, name: string, namespace = '') => ({
    ...{ group: '', resource, subresource: '', name, namespace },
  });
  const other = (resource: string, subresource: string, name: string) => ({
    ...{ group: 'authentication.k8s.io', resource, subresource, name, namespace: '' },
  });
  const account = serviceAccountOf(username);
  return [
    account === undefined
      ? core('users', username)
      : core('serviceaccounts', account.name, account.namespace),
    ...groups.map(name => core('groups', name)),
    ...[...extra].flatMap(([key, values]) => values.map(value => other('userextras', key, value))),
    ...(uid ? [other('uids', '', uid)] : []),
  ];
}

/**
 * The user to act as: the one in the Impersonate-* headers if `may` allows every part of it, otherwise `user` itself.
 * `may` throws if it does not.
 */
export function impersonate(
  { rawHeaders }: IncomingMessage,
  user: UserInfo,
  may: (question: RequestAttributes) => void,
): UserInfo {
  const [named, target] = [namedUser(rawHeaders), impersonatedUser(rawHeaders)];
  if (!named || !target) return user;
  for (const question of impersonationQuestions(named)) {
    may({ verb: 'impersonate', isResourceRequest: true, path: '', version: 'v1', ...question });
  }
  const { username, uid, groups, extra } = target;
  const hasExtra = extra.size > 0;
  return { username, ...(uid && { uid }), groups, ...(hasExtra && { extra: Object.fromEntries(extra) }) };
}
