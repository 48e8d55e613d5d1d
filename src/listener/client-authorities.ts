import { X509Certificate } from 'node:crypto';

/** The authorities of --client-ca-file at one time. */
export interface ClientAuthorities {
  readonly pem: Buffer;
  /** SHA-256 of each certificate. */
  readonly fingerprints: ReadonlySet<string>;
}

/** Takes PEM that holds nothing but certificates. */
export function toClientAuthorities(pem: Buffer): ClientAuthorities {
  const certificates = pem.toString('latin1').match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [];
  return {
    pem,
    fingerprints: new Set(certificates.map(certificate => new X509Certificate(certificate).fingerprint256)),
  };
}

/** Whether all that was trusted before still is, so that what was verified then holds. */
export function includesAll(now: ClientAuthorities | undefined, before: ClientAuthorities): boolean {
  if (now === undefined) return false;
  return now === before || [...before.fingerprints].every(one => now.fingerprints.has(one));
}
