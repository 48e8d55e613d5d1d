/**
 * `AuthenticationConfiguration` of apiserver.config.k8s.io, v1 and v1beta1, without what the gateway does not have (`anonymous`,
 * `egressSelectorType`). The --oidc-* flags make one with one entry.
 */
export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtAuthenticator[];
}

/** One issuer, which of its tokens are accepted, and how their claims become a user. */
export interface JwtAuthenticator {
  readonly issuer: Issuer;
  readonly claimValidationRules?: readonly ClaimValidationRule[];
  readonly claimMappings: ClaimMappings;
  readonly userValidationRules?: readonly UserValidationRule[];
}

interface Issuer {
  readonly url: string;
  /** Where the discovery document is, if it is not below `url`. */
  readonly discoveryURL?: string;
  /** PEM of the authorities of the issuer's certificate; by default the well-known ones. */
  readonly certificateAuthority?: string;
  /** A token must be for one of these. */
  readonly audiences: readonly string[];
  readonly audienceMatchPolicy?: string;
}

/** A claim with its value, or an expression that must be true. */
interface ClaimValidationRule {
  readonly claim?: string;
  readonly requiredValue?: string;
  readonly expression?: string;
  readonly message?: string;
}

interface ClaimMappings {
  readonly username: PrefixedClaimOrExpression;
  readonly groups?: PrefixedClaimOrExpression;
  readonly uid?: ClaimOrExpression;
  readonly extra?: readonly ExtraMapping[];
}

/** Where a field of the user comes from. */
export interface ClaimOrExpression {
  readonly claim?: string;
  readonly expression?: string;
}

/** The prefix goes with the claim, and without change before each value. */
export interface PrefixedClaimOrExpression extends ClaimOrExpression {
  readonly prefix?: string;
}

/** The values of an extra field. */
export interface ExtraMapping {
  readonly key: string;
  readonly valueExpression: string;
}

/** An expression about the user that must be true. */
interface UserValidationRule {
  readonly expression: string;
  readonly message?: string;
}
