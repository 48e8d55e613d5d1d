import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A key of an issuer, which signs any claims. */
export interface OidcSigner {
  readonly kid: string;
  /** For the issuer's jwks. */
  readonly jwk: Readonly<Record<string, unknown>>;
  /** For a provider that signs by itself. */
  readonly privateJwk: Readonly<Record<string, unknown>>;
  /** The public key, PEM. */
  readonly publicPem: string;
  /** A compact JWT of exactly these claims. Header parameters are added to `alg` and `kid`. */
  sign(claims: object, header?: Readonly<Record<string, unknown>>): string;
}

/** Makes a key pair for RS256 or ES256. */
export function createOidcSigner(kid: string, alg: 'RS256' | 'ES256' = 'RS256'): OidcSigner {
  const { publicKey, privateKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    kid,
    jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    privateJwk: { ...privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' },
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    sign: (claims, header = {}) => signedJwt({ alg, kid, ...header }, claims, privateKey),
  };
}

/** A compact JWT with a signature of RS256 or ES256 by this private key, whatever its header says. */
function signedJwt(header: object, claims: object, key: KeyObject): string {
  const input = compactJwt(header, claims, '').slice(0, -1);
  // Only EC keys use dsaEncoding.
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

/** Joins three parts with dots without checking them. The last one is used unchanged. */
export function compactJwt(header: object, claims: object, signature: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${signature}`;
}
