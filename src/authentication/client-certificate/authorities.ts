import { X509Certificate } from 'node:crypto';

/** The time in which a certificate is valid, in milliseconds since 1970. */
export interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The authorities of --client-ca-file at one time. */
export interface ClientAuthorities {
  readonly pem: Buffer;
  /** SHA-256 of each certificate. */
  readonly fingerprints: ReadonlySet<string>;
  /** When each is valid, by its public key: an authority that was renewed may be there twice. */
  readonly validities: ReadonlyMap<string, Validity>;
}

/** Takes PEM that holds nothing but certificates. */
export function toClientAuthorities(pem: Buffer): ClientAuthorities {
  const fingerprints = new Set<string>();
  const validities = new Map<string, Validity>();
  for (const [block] of pem.toString('latin1').matchAll(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g)) {
    const certificate = new X509Certificate(block);
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

/** The public key (SubjectPublicKeyInfo) as text. It identifies an authority, whichever of its certificates a client sends. */
export function publicKeyOf({ publicKey }: X509Certificate): string {
  return publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
}

/** NaN for a date that cannot be read. */
export function validityOf({ validFrom, validTo }: X509Certificate): Validity {
  return { notBefore: Date.parse(validFrom), notAfter: Date.parse(validTo) };
}

/** Whether all that was trusted before still is, so that what was verified then holds. */
export function includesAll(now: ClientAuthorities | undefined, before: ClientAuthorities): boolean {
  if (now === undefined) return false;
  return now === before || [...before.fingerprints].every(one => now.fingerprints.has(one));
}
