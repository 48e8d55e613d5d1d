import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { DetailedPeerCertificate } from 'node:tls';
import { AuthenticationError } from '../../../authentication/identity.js';
import type { RequestAuthenticator } from '../../../authentication/method.js';
import type { UserInfo } from '../../../kubernetes/user-info.js';
import {
  type ClientAuthorities,
  includesAll,
  publicKeyOf,
  type Validity,
  validityOf,
} from './authorities.js';
import { type ClientCertificate, readCertificate } from './certificate.js';
import { DerError } from './der.js';
import { type Peer, peerOf } from './peer.js';

/** RFC 5280, section 4.2.1.12: id-kp-clientAuth. */
const clientAuth = '1.3.6.1.5.5.7.3.2';
/** RFC 5280, appendix A.1: id-at-commonName and id-at-organizationName. */
const commonName = '2.5.4.3';
const organization = '2.5.4.10';

/** The user that a certificate names, and when every certificate of its chain is valid. */
interface Identity extends Validity {
  readonly user: UserInfo;
  /** The public key of the authority to which the chain leads. */
  readonly authority: string;
}

/**
 * Authenticates users by their client certificates, like k8s.io/apiserver's `x509` request authenticator with `CommonNameUserConversion`:
 * CN is the name, and every O is a group. The TLS handshake has verified the chain. Every request checks that the dates are still valid and
 * the authorities still trusted. A new request may need another handshake, so it needs all authorities of the last one; an open one that is
 * checked again cannot have another one, and needs its own authority alone.
 *
 * @param authorities The authorities that are trusted now.
 * @param admit The user that requests are sent as, or throws. It is called once for each connection.
 * @param now Milliseconds since 1970.
 */
export function createClientCertificateAuthenticator(
  authorities: () => ClientAuthorities | undefined,
  admit: (user: UserInfo) => UserInfo,
  now: () => number = Date.now,
): Record<'authenticator' | 'rechecker', RequestAuthenticator> {
  const identities = new WeakMap<Socket, Identity | Error>();
  const trusting = (isTrusted: (peer: Peer, identity: Identity) => boolean): RequestAuthenticator => ({
    authenticateRequest({ socket }) {
      const peer = peerOf(socket);
      if (peer === undefined) return undefined;
      let identity = identities.get(socket);
      if (identity === undefined) {
        identity = identify(peer, admit);
        identities.set(socket, identity);
      }
      if (identity instanceof Error) throw identity;
      if (!isTrusted(peer, identity)) {
        throw new AuthenticationError(
          'authorities were removed from --client-ca-file after the client certificate was verified',
        );
      }
      const at = now();
      // Negated, so that a date that cannot be read (NaN) counts as invalid.
      if (!(at >= identity.notBefore && at <= identity.notAfter)) {
        throw new AuthenticationError('the client certificate, or one of its issuers, is not valid now');
      }
      return identity.user;
    },
  });
  return {
    authenticator: trusting(peer => includesAll(authorities(), peer.authorities)),
    rechecker: trusting((_peer, { authority }) => authorities()?.validities.has(authority) === true),
  };
}

function identify(peer: Peer, admit: (user: UserInfo) => UserInfo): Identity | Error {
  try {
    const { validities, authority, certificate } = verify(peer);
    const notAfter = Math.min(...validities.map(validity => validity.notAfter));
    const notBefore = Math.max(...validities.map(validity => validity.notBefore));
    const user = admit({ ...userOf(certificate), expires: notAfter });
    return { user, authority, notBefore, notAfter };
  } catch (error) {
    if (!(error instanceof DerError)) return error as Error;
    const message = `the client certificate, or one of its issuers, cannot be read: ${error.message}`;
    return new AuthenticationError(message);
  }
}

/** Throws an AuthenticationError, or a DerError, for a certificate that is not verified. */
function verify({ certificate, problem, authorities }: Peer) {
  if (problem !== undefined || certificate === undefined) {
    throw new AuthenticationError(`the client certificate is rejected: ${problem}`);
  }
  const chain = chainOf(certificate, authorities);
  if (chain === undefined) {
    throw new AuthenticationError(
      'the client certificate is rejected: its chain leads to no authority of --client-ca-file',
    );
  }
  return { ...chain, certificate: readCertificate(certificate.raw) };
}

/** Throws an AuthenticationError for a certificate that names no user, or is for other purposes. */
function userOf({ subject, usages }: ClientCertificate): UserInfo {
  // A certificate without the extension is rejected.
  if (!usages?.includes(clientAuth)) {
    throw new AuthenticationError('the client certificate is not for client authentication');
  }
  const valuesOf = (wanted: string) =>
    subject.flatMap(({ type, value }) => {
      if (type !== wanted) return [];
      if (value !== undefined) return [value];
      throw new AuthenticationError('CN or O of the client certificate is a T61String that is not ASCII');
    });
  const username = valuesOf(commonName).at(-1) ?? '';
  if (username === '') throw new AuthenticationError('the client certificate has no CN');
  return { username, uid: undefined, groups: valuesOf(organization), extra: new Map() };
}

/**
 * When the client's certificate and all its issuers, up to an authority, are valid, and the public key of that authority. Undefined if this cannot be determined. Node finds
 * issuers only by name, among all certificates that the client sent. So this function checks that each issuer has signed the certificate
 * before it. Throws a DerError if the API server could not read one of them.
 */
function chainOf(leaf: DetailedPeerCertificate, authorities: ClientAuthorities) {
  const validities: Validity[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  let below: X509Certificate | undefined;
  for (let next: typeof leaf | undefined = leaf; next !== undefined && !seen.has(next); ) {
    readCertificate(next.raw);
    const certificate = new X509Certificate(next.raw);
    if (below !== undefined && !below.verify(certificate.publicKey)) return undefined;
    const authority = publicKeyOf(certificate);
    const trusted = authorities.validities.get(authority);
    validities.push(below === undefined ? validityOf(certificate) : (trusted ?? validityOf(certificate)));
    if (trusted !== undefined) return { validities, authority };
    seen.add(next);
    below = certificate;
    next = next.issuerCertificate;
  }
  return undefined;
}
