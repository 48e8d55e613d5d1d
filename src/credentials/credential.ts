import type { CertificatePair } from './certificate-pair.js';

/** How this program shows itself to the API server in TLS. */
export type ClientCertificate = CertificatePair;

/** What a source of credentials gives: how requests to the API server authenticate from now on. */
export interface Credential {
  /** The whole value of the Authorization header, `Bearer …` or `Basic …`. */
  readonly authorization?: string;
  readonly clientCertificate?: ClientCertificate;
}

/** Whether two credentials are the same to the API server. */
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
