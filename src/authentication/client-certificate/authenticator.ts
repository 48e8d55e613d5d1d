import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { DetailedPeerCertificate } from 'node:tls';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { AuthenticationError } from '../identity.js';
import type { RequestAuthenticator } from '../method.js';
import {
  type ClientAuthorities,
  includesAll,
  publicKeyOf,
  type Validity,
  validityOf,
} from './authorities.js';
import { type Peer, peerOf } from './peer.js';

/** RFC 5280, section 4.2.1.12: id-kp-clientAuth. */
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** The user that a certificate names, and when every certificate of its chain is valid. */
interface Identity extends Validity {
  readonly user: UserInfo;
}

/**
 * Authenticates users by their client certificates, like k8s.io/apiserver's `x509` request authenticator with `CommonNameUserConversion`:
 * CN is the name, and every O is a group. The TLS handshake has verified the chain. Every request checks that the dates are still valid and
 * the authorities still trusted.
 *
 * @param authorities The authorities that are trusted now.
 * @param admit The user that requests are sent as, or throws. It is called once for each connection.
 * @param now Milliseconds since 1970.
 */
export function createClientCertificateAuthenticator(
  authorities: () => ClientAuthorities | undefined,
  admit: (user: UserInfo) => UserInfo,
  now: () => number = Date.now,
): RequestAuthenticator {
  const identities = new WeakMap<Socket, Identity | Error>();
  return {
    authenticateRequest({ socket }) {
      const peer = peerOf(socket);
      if (peer === undefined) return undefined;
      let identity = identities.get(socket);
      if (identity === undefined) {
        identity = identify(peer, admit);
        identities.set(socket, identity);
      }
      if (identity instanceof Error) throw identity;
      if (!includesAll(authorities(), peer.authorities)) {
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
  };
}

function identify(
  { certificate, problem, authorities }: Peer,
  admit: (user: UserInfo) => UserInfo,
): Identity | Error {
  if (problem !== undefined) return new AuthenticationError(`the client certificate is rejected: ${problem}`);
  const validities = validitiesOf(certificate, authorities);
  if (validities === undefined) {
    return new AuthenticationError(
      'the client certificate is rejected: its chain leads to no authority of --client-ca-file',
    );
  }
  // node:crypto names the extended key usages `keyUsage`. A certificate without the extension is rejected.
  if (!(new X509Certificate(certificate.raw).keyUsage ?? []).includes(clientAuth)) {
    return new AuthenticationError('the client certificate is not for client authentication');
  }
  // OpenSSL has decoded these values from the DER, without escapes. The string forms of a subject are ambiguous.
  const { CN, O } = certificate.subject as unknown as Readonly<Record<string, unknown>>;
  const names = toList(CN);
  const groups = toList(O);
  const username = names.at(-1);
  if (![...names, ...groups].every(value => typeof value === 'string')) {
    return new AuthenticationError('the subject of the client certificate cannot be read');
  }
  if (username === undefined || username === '') {
    return new AuthenticationError('the client certificate has no CN');
  }
  const notAfter = Math.min(...validities.map(validity => validity.notAfter));
  const notBefore = Math.max(...validities.map(validity => validity.notBefore));
  const user = {
    username: username as string,
    uid: undefined,
    groups: groups as string[],
    extra: new Map(),
    expires: notAfter,
  };
  try {
    return { user: admit(user), notBefore, notAfter };
  } catch (error) {
    return error as Error;
  }
}

/**
 * When the client's certificate and all its issuers, up to an authority, are valid. Undefined if this cannot be determined. Node finds
 * issuers only by name, among all certificates that the client sent. So this function checks that each issuer has signed the certificate
 * before it.
 */
function validitiesOf(leaf: DetailedPeerCertificate, authorities: ClientAuthorities): Validity[] | undefined {
  const validities: Validity[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  let below: X509Certificate | undefined;
  for (let next: typeof leaf | undefined = leaf; next !== undefined && !seen.has(next); ) {
    const certificate = new X509Certificate(next.raw);
    if (below !== undefined && !below.verify(certificate.publicKey)) return undefined;
    const trusted = authorities.validities.get(publicKeyOf(certificate));
    validities.push(below === undefined ? validityOf(certificate) : (trusted ?? validityOf(certificate)));
    if (trusted !== undefined) return validities;
    seen.add(next);
    below = certificate;
    next = next.issuerCertificate;
  }
  return undefined;
}

/** Node gives one value as a string, and several as a list in the order of the certificate. */
function toList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
