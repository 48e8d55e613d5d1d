import type { CertificatePair } from '../certificates/certificate-pair.js';

/** How requests to the API server authenticate. */
export interface Credential {
  /** The whole value of the Authorization header, `Bearer …` or `Basic …`. */
  readonly authorization?: string;
  /** For TLS with the API server. */
  readonly clientCertificate?: CertificatePair;
}

/** Whether the API server sees two credentials as the same. */
export function isSameCredential(one: Credential, other: Credential): boolean {
  return one.authorization === other.authorization && isSameClientCertificate(one, other);
}

/** Whether two credentials present the same client certificate, or none. */
export function isSameClientCertificate(
  { clientCertificate: one }: Credential,
  { clientCertificate: other }: Credential,
): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.certificate.equals(other.certificate) && one.key.equals(other.key);
}

/** Whether a header can carry a string as a bearer token: it has no space or control character. RFC 6750 allows even fewer characters. */
export function isBearerToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}
