/** Kinds of key that a kubeconfig's client certificate may have: RSA 2048, ECDSA on P-256, Ed25519. */
export type KeyType = 'rsa512' | 'rsa2048' | 'ec' | 'ed25519';

/** A certificate and its private key as PEM. `certificate` may contain a chain, leaf first; `key` is PKCS#8. */
export interface CertificatePair {
  readonly certificate: string;
  readonly key: string;
}

/** Options of every certificate. By default it is valid from one hour ago, for 30 days from now. */
export interface CertificateOptions {
  readonly keyType?: KeyType;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** Options of a server certificate; without names it is valid for localhost, 127.0.0.1 and ::1. */
export interface ServerCertificateOptions extends CertificateOptions {
  readonly commonName?: string;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
}

/** Options of a client certificate: the API server reads the user from CN and the groups from every O. */
export interface ClientCertificateOptions extends CertificateOptions {
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  /** The whole subject, instead of the fields above: RDNs in order, each with one attribute or more. */
  readonly subject?: readonly Readonly<
    Record<string, readonly (string | Readonly<Record<string, string>>)[]>
  >[];
  /** The certificate's only extended key usage, by OID; an empty text means none. */
  readonly usage?: string;
}

/** Issues certificates. `certificate` is the authority's own PEM; certificates of an intermediate include its chain. */
export interface CertificateAuthority extends CertificatePair {
  server(options?: ServerCertificateOptions): Promise<CertificatePair>;
  client(options?: ClientCertificateOptions): Promise<CertificatePair>;
  intermediate(
    options?: CertificateOptions & { readonly commonName?: string },
  ): Promise<CertificateAuthority>;
}
