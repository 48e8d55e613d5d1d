import { issuerProblem } from '../../lib/issuer-url.js';
import { defineOptions, flagName, type OptionValues } from '../../lib/option.js';
import { names, text, texts } from '../../lib/value-type.js';
import type { AuthenticationConfiguration } from './validation.js';

/** The options for OpenID Connect issuers. They mean the same as for the API server. */
export const options = defineOptions('Authentication', {
  authenticationConfig: {
    type: text('FILE'),
    default: '',
    help: "The API server's file for any number of OpenID Connect issuers (AuthenticationConfiguration). Changes are followed.",
  },
  oidcIssuerUrl: {
    type: text('URL'),
    default: '',
    help: "OpenID Connect issuer whose tokens callers may use; an https URL, exactly as in the tokens' iss.",
  },
  oidcClientId: { type: text('ID'), default: '', help: 'Audience that the tokens must have.' },
  oidcUsernameClaim: { type: text('CLAIM'), default: 'sub', help: "Claim that is the caller's name." },
  oidcUsernamePrefix: {
    type: text('PREFIX'),
    default: '',
    help: "Prefix of names; by default the issuer's URL and #, and no prefix for emails. '-' is no prefix.",
  },
  oidcGroupsClaim: {
    type: text('CLAIM'),
    default: '',
    help: "Claim that has the caller's groups: a string, or a list of strings.",
  },
  oidcGroupsPrefix: { type: text('PREFIX'), default: '', help: 'Prefix of groups.' },
  oidcRequiredClaim: {
    type: texts('KEY=VALUE'),
    default: '',
    help: 'Claim that the tokens must have, with its value; can be repeated.',
  },
  oidcSigningAlgs: {
    type: names,
    default: 'RS256',
    help: 'JOSE algorithms that may sign the tokens: RS, ES or PS with 256, 384 or 512.',
  },
  signInScopes: {
    type: names,
    default: '',
    help: 'Scopes for which /-/kubeconfig and the page ask the issuer; by default openid, profile, email, groups and offline_access, if the issuer has them.',
  },
  oidcCaFile: {
    type: text('FILE'),
    default: '',
    help: "Authorities of the issuer's certificate; by default the well-known ones.",
  },
});

/** The values of these options. */
export type OidcOptions = OptionValues<typeof options>;

/** The algorithms of RFC 7518, section 3.1, without HMAC, because its key would have to be secret, and without `none`. */
export const allowedAlgorithms: readonly string[] = ['RS', 'ES', 'PS'].flatMap(family =>
  ['256', '384', '512'].map(bits => family + bits),
);

/** The problems of the options, one line each; none if no issuer is set. The keys in `given` are set, be it to their defaults. */
export function oidcProblems(options: OidcOptions, given: ReadonlySet<string> = new Set()): string[] {
  const { authenticationConfig, oidcIssuerUrl, oidcClientId, oidcUsernameClaim } = options;
  const { oidcRequiredClaim, oidcSigningAlgs, signInScopes } = options;
  const problems: string[] = [];
  const flags = oidcFlags(options, given);
  if (authenticationConfig !== '' && flags.length > 0) {
    return [`--authentication-config cannot be used with ${flags.join(', ')}`];
  }
  if (signInScopes.length > 0 && oidcIssuerUrl === '' && authenticationConfig === '') {
    problems.push(
      '--sign-in-scopes needs an OpenID Connect issuer: --oidc-issuer-url or --authentication-config',
    );
  }
  if (oidcIssuerUrl === '' && oidcClientId === '') return problems;
  if (oidcIssuerUrl === '' || oidcClientId === '') {
    problems.push('--oidc-issuer-url and --oidc-client-id must be set together');
  }
  const unusable = oidcIssuerUrl === '' ? undefined : issuerProblem(oidcIssuerUrl, '--oidc-issuer-url');
  if (unusable !== undefined) problems.push(unusable);
  if (oidcUsernameClaim === '') problems.push('--oidc-username-claim is empty');
  for (const [index, claim] of oidcRequiredClaim.entries()) {
    if (claim.indexOf('=') < 1) {
      problems.push(
        `--oidc-required-claim: value ${index + 1} of ${oidcRequiredClaim.length} is not KEY=VALUE`,
      );
    }
  }
  for (const algorithm of oidcSigningAlgs) {
    if (!allowedAlgorithms.includes(algorithm)) {
      problems.push(
        `--oidc-signing-algs: ${JSON.stringify(algorithm)} is not one of ${allowedAlgorithms.join(', ')}`,
      );
    }
  }
  if (oidcSigningAlgs.length === 0) problems.push('--oidc-signing-algs is empty');
  return problems;
}

/** The --oidc-* flags that are set, but for those that are empty and have no default. */
function oidcFlags(values: OidcOptions, given: ReadonlySet<string>): string[] {
  return Object.entries(options).flatMap(([key, { default: preset }]) => {
    const isEmpty = String(values[key as keyof OidcOptions]) === '' && preset === '';
    if (!key.startsWith('oidc') || !given.has(key) || isEmpty) return [];
    return [`--${flagName(key)}`];
  });
}

/**
 * The configuration that the --oidc-* flags describe. A name gets the issuer's URL and `#` as its prefix, unless it is an email or the flags
 * say otherwise. The authority is not part of it, because its file is followed.
 */
export function configurationOf(options: OidcOptions): AuthenticationConfiguration {
  const { oidcIssuerUrl, oidcUsernameClaim, oidcUsernamePrefix, oidcGroupsClaim, oidcGroupsPrefix } = options;
  const preset = oidcUsernameClaim === 'email' ? '' : `${oidcIssuerUrl}#`;
  return {
    jwt: [
      {
        issuer: { url: oidcIssuerUrl, audiences: [options.oidcClientId] },
        claimMappings: {
          username: {
            claim: oidcUsernameClaim,
            prefix: oidcUsernamePrefix === '-' ? '' : oidcUsernamePrefix || preset,
          },
          ...(oidcGroupsClaim !== '' && { groups: { claim: oidcGroupsClaim, prefix: oidcGroupsPrefix } }),
        },
        // The last value of a claim counts.
        claimValidationRules: [...new Map(options.oidcRequiredClaim.map(splitPair))].map(
          ([claim, requiredValue]) => ({ claim, requiredValue }),
        ),
      },
    ],
  };
}

function splitPair(pair: string): [string, string] {
  const end = pair.indexOf('=');
  return [pair.slice(0, end), pair.slice(end + 1)];
}
