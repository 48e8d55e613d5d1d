/** A client certificate whose key is known to match it. */
export interface ClientCertificate {
  /** PEM: the certificate first, then its chain. */
  readonly certificate: Buffer;
  /** PEM, not encrypted. */
  readonly key: Buffer;
  /** When the first certificate expires, which may have passed already. */
  readonly notAfter: Date;
}

/** What a source of credentials gives: how requests to the API server authenticate from now on. */
export interface Credential {
  /** The whole value of the Authorization header, `Bearer …` or `Basic …`. */
  readonly authorization?: string;
  readonly clientCertificate?: ClientCertificate;
}
