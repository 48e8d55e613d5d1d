import type { CertificatePair } from '../certificates/certificate-pair.js';
import { StatusError } from '../kubernetes/status.js';

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

/** The kinds of sources: the `source` label of metrics. */
export type CredentialSourceName = 'static' | 'exec' | 'oidc';

/**
 * Credentials over time. A source renews them in the background, so that `get` returns at once whenever there is a valid one. It returns
 * the same object until the credential changes. Before the first `get` a source does nothing and reports nothing, so that an unused source
 * has no effect.
 */
export interface CredentialSource {
  readonly name: CredentialSourceName;
  /** Whether the last credential of `get` stays valid until it is refused. It may end by itself otherwise. */
  readonly isLasting: boolean;
  /**
   * The credential for a request now. It is a promise, which all callers share, only while there is no valid credential: before the first
   * one has arrived, or after the last one has expired. Rejects with a CredentialError if the source cannot get one.
   */
  get(): Credential | Promise<Credential>;
  /**
   * Reports that the API server answered 401 to a request with this credential. Resolves when `get` gives another one, or when there is
   * none. Never rejects. Nothing is renewed if the credential was replaced meanwhile, or if the source has renewed one for the same reason a
   * short time ago.
   */
  refused(credential: Credential): Promise<void>;
  /**
   * Stops timers and running work, and withdraws the reported expiry. Credentials that were returned before remain usable. Callers that
   * wait for one may get an error.
   */
  close(): void;
}

/** There is no credential: a 503 whose message says why, without a secret. */
export class CredentialError extends StatusError {
  constructor(message: string, options?: ErrorOptions) {
    super(503, message, options);
  }
}

/** What a source reports, for metrics and the log. No message contains a secret. */
export interface CredentialEvents {
  refreshed(source: CredentialSourceName, result: 'success' | 'failure'): void;
  /** When the credential in use expires; undefined if that is not known. */
  expires(source: CredentialSourceName, at: Date | undefined): void;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}
