import type { X509Certificate } from 'node:crypto';
import { certificatesIn } from '../../../certificates/pem.js';

/** The period in which a certificate is valid, in milliseconds since 1970. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** One version of the authorities in --client-ca-file. */
export interface ClientAuthorities {
  readonly pem: Buffer;
  /** SHA-256 of each certificate. */
  readonly fingerprints: ReadonlySet<string>;
  /** When each authority is valid, by its public key: the file may contain two certificates of an authority that was renewed. */
  readonly validities: ReadonlyMap<string, Validity>;
}

/** Takes PEM that contains only certificates. */
export function toClientAuthorities(pem: Buffer): ClientAuthorities {
  const fingerprints = new Set<string>();
  const validities = new Map<string, Validity>();
  for (const certificate of certificatesIn(pem)) {
    fingerprints.add(certificate.fingerprint256);
    const key = publicKeyOf(certificate);
    const { notBefore, notAfter } = validityOf(certificate);
    const other = validities.get(key) ?? { notBefore, notAfter };
    validities.set(key, {
      notBefore: Math.min(notBefore, other.notBefore),
      notAfter: Math.max(notAfter, other.notAfter),
    });
  }
  return { pem, fingerprints, validities };
}

/** The public key (SubjectPublicKeyInfo) in base64. It identifies an authority, whichever of its certificates a client sends. */
export function publicKeyOf({ publicKey }: X509Certificate): string {
  return publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
}

/** NaN for a date that cannot be read. */
export function validityOf({ validFrom, validTo }: X509Certificate): Validity {
  return { notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) };
}

/** Whether every authority that was trusted before is still trusted. If so, earlier verifications remain valid. */
export function includesAll(now: ClientAuthorities | undefined, before: ClientAuthorities): boolean {
  if (now === undefined) return false;
  return now === before || [...before.fingerprints].every(one => now.fingerprints.has(one));
}
