/** An issuer of OpenID Connect at which people can sign in. */
export interface IssuerEntry {
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** The path below the proxy's address to which the issuer sends the browser back. */
  readonly redirectPath: string;
}

/** The answer of `/-/sign-in`. */
export interface SignInOffer {
  /** The only address of the page at which people can sign in; undefined if any will do. */
  readonly page?: string;
  readonly issuers: readonly IssuerEntry[];
}

/** The name of an issuer for people. */
export function nameOf({ issuer }: Pick<IssuerEntry, 'issuer'>): string {
  return issuer.replace(/^https:\/\//, '').replace(/\/$/, '');
}
