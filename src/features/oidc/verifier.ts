import { decodeJwt, decodeProtectedHeader, type JWTPayload, jwtVerify } from 'jose';
import { JOSENotSupported, JWKSMultipleMatchingKeys, JWSSignatureVerificationFailed } from 'jose/errors';
import type { BearerToken } from '../../authentication/bearer-token.js';
import { AuthenticationError, admitUser, type CallerRules } from '../../authentication/identity.js';
import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { type Clock, systemClock } from '../../lib/clock.js';
import { isObject, type JsonObject } from '../../lib/json.js';
import { EvaluationError } from '../common/cel/values.js';
import type { VerifiedUser } from '../common/token-cache.js';
import type { OidcKeys } from './keys.js';
import { type ClaimMapping, userOfClaims } from './mapping.js';

/** Which tokens of an issuer are accepted, and how they become users. */
export interface OidcVerification {
  readonly issuer: string;
  /** A token must be for one of these audiences. */
  readonly audiences: readonly string[];
  /** JOSE algorithms; none of them is symmetric. */
  readonly algorithms: readonly string[];
  readonly mapping: ClaimMapping;
  readonly rules: CallerRules;
  readonly keys: Pick<OidcKeys, 'find' | 'has'>;
  readonly clock?: Clock;
}

/** Seconds that `nbf` may be in the future, as in the API server. `exp` has no leeway. */
const notBeforeLeeway = 60;

/** The first second that Go's `time.Unix` cannot hold. To the API server, a token that expires then has expired. */
const endOfTime = 2 ** 63 - 62_135_596_800;

/**
 * Checks the ID tokens of one issuer. Undefined for a token of another issuer, and for one that is not a JSON Web Token. Rejects with an
 * AuthenticationError for an invalid token, and with a StatusError of 503 if the issuer's keys cannot be fetched.
 */
export function createIdTokenVerifier(
  verification: OidcVerification,
): (token: BearerToken) => Promise<VerifiedUser | undefined> {
  const { issuer, mapping, rules, clock = systemClock } = verification;
  const issuers = namesOf(issuer);
  return async token => {
    if (!issuers.includes(issuerOf(token) ?? '')) return undefined;
    const claims = await verify(token.text, issuers, verification);
    const seconds = Math.trunc(claims.exp as number);
    const expires = seconds * 1000;
    if (expires <= clock.now() || seconds >= endOfTime)
      throw new AuthenticationError('the token has expired');
    if (!isReadable(claims))
      throw new AuthenticationError('a claim of the token has a wrong type, or no source');
    return { user: admitUser({ ...mapClaims(claims, mapping), expires }, rules), expires };
  };
}

/**
 * Whether the API server can read the claims that have a type there (`idToken` of go-oidc v2.3), where null is like none. A distributed claim
 * needs a source.
 */
function isReadable(claims: JsonObject): boolean {
  const { aud, sub, nonce, at_hash: hash, iat } = claims;
  const { _claim_names: names, _claim_sources: sources } = claims;
  const [named, known] = [names ?? {}, sources ?? {}];
  return (
    [aud].flat().every(audience => typeof audience === 'string') &&
    [sub, nonce, hash].every(isText) &&
    (iat === undefined || Number.isFinite(iat)) &&
    isObject(named) &&
    isObject(known) &&
    Object.values(named).every(
      name => typeof name === 'string' && name !== '' && Object.hasOwn(known, name),
    ) &&
    Object.values(known).every(isSource)
  );
}

function isSource(source: unknown): boolean {
  return (
    source === null || (isObject(source) && isText(source['endpoint']) && isText(source['access_token']))
  );
}

function isText(value: unknown): boolean {
  return typeof (value ?? '') === 'string';
}

/** An expression without a result refuses the token. */
function mapClaims(claims: JWTPayload, mapping: ClaimMapping): UserInfo {
  try {
    return userOfClaims(claims, mapping);
  } catch (error) {
    throw error instanceof EvaluationError ? new AuthenticationError(error.message) : error;
  }
}

/** Whether a token has to wait for its issuer because its key is not known yet. */
export function createWaitsForIssuer({
  issuer,
  keys,
}: Pick<OidcVerification, 'issuer' | 'keys'>): (token: BearerToken) => boolean {
  const issuers = namesOf(issuer);
  return token =>
    issuers.includes(issuerOf(token) ?? '') && !keys.has(decoded(decodeProtectedHeader, token.text)?.kid);
}

function namesOf(issuer: string): string[] {
  return issuer === 'https://accounts.google.com' ? [issuer, 'accounts.google.com'] : [issuer];
}

/** Undefined if the token cannot be decoded. */
function decoded<T>(decode: (token: string) => T, token: string): T | undefined {
  try {
    return decode(token);
  } catch {
    return undefined;
  }
}

const issuersNamed = new WeakMap<BearerToken, string | undefined>();

/** The issuer that the token names. The token is not verified yet, and read once: anybody may send one that takes milliseconds. */
export function issuerOf(token: BearerToken): string | undefined {
  if (!issuersNamed.has(token)) issuersNamed.set(token, decoded(decodeJwt, token.text)?.iss);
  return issuersNamed.get(token);
}

async function verify(
  token: string,
  issuer: string[],
  { audiences, algorithms, keys, clock = systemClock }: OidcVerification,
): Promise<JWTPayload> {
  const options = {
    issuer,
    audience: [...audiences],
    algorithms: [...algorithms],
    requiredClaims: ['exp'],
    currentDate: new Date(clock.now()),
    clockTolerance: notBeforeLeeway,
  };
  try {
    return (await jwtVerify(token, keys.find, options)).payload;
  } catch (error) {
    // The token does not name its key, and the issuer has more than one.
    const candidates = error instanceof JWKSMultipleMatchingKeys ? error : [];
    for await (const key of candidates) {
      try {
        return (await jwtVerify(token, key, options)).payload;
      } catch (failure) {
        if (!(failure instanceof JWSSignatureVerificationFailed)) throw toAuthenticationError(failure);
      }
    }
    throw toAuthenticationError(error);
  }
}

/** The log says what jose says, but not what may be a part of the token: extensions of the header, and causes. A StatusError is returned unchanged. */
function toAuthenticationError(error: unknown): AuthenticationError | StatusError {
  if (error instanceof AuthenticationError || error instanceof StatusError) return error;
  const reason =
    error instanceof JOSENotSupported ? 'its header needs what is not supported' : (error as Error).message;
  return new AuthenticationError(`the token is not valid: ${reason}`);
}
