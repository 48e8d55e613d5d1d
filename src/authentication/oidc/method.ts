import { createIssuerDial } from '../../transport/dial/issuer-dial.js';
import { bearerTokenHint } from '../bearer-token/bearer-token.js';
import type { AuthenticationMethod } from '../method.js';
import { claimMappingOf, type OidcOptions, oidcProblems, options } from './options.js';

/** Milliseconds, as in the API server. A key that the issuer has withdrawn may be accepted for this long. */
const ttl = 10_000;

/** Authenticates callers by the ID tokens of an OpenID Connect issuer. */
export const openIdConnect = {
  name: 'oidc',
  flag: '--oidc-issuer-url',
  hint: bearerTokenHint,
  sendsSecret: true,
  options,
  problems: oidcProblems,

  isOn: ({ oidcIssuerUrl }) => oidcIssuerUrl !== '',

  /** The same fields as kubelogin's own setup writes. A claim `email` needs the scope of that name (OpenID Connect Core, section 5.4). */
  kubeconfigUser: ({ oidcIssuerUrl, oidcClientId, oidcUsernameClaim }) => ({
    fields: {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: 'kubectl',
        args: [
          'oidc-login',
          'get-token',
          `--oidc-issuer-url=${oidcIssuerUrl}`,
          `--oidc-client-id=${oidcClientId}`,
          ...(oidcUsernameClaim === 'email' ? ['--oidc-extra-scope=email'] : []),
        ],
        installHint: 'kubectl krew install oidc-login',
        interactiveMode: 'IfAvailable',
      },
    },
    isComplete: true,
    isPerCluster: false,
  }),

  async create(options, { metrics, logger, env, clock, allowed }) {
    const { oidcIssuerUrl: issuer, oidcClientId: clientId, oidcSigningAlgs: algorithms } = options;
    const [{ createIdTokenVerifier, createWaitsForIssuer }, { OidcKeys }, { TokenCache, userOf }] =
      await Promise.all([
        import('./verifier.js'),
        import('./keys.js'),
        import('../bearer-token/token-cache.js'),
      ]);
    const keys = new OidcKeys({
      issuer,
      caFile: options.oidcCaFile,
      dial: createIssuerDial(env),
      log: logger,
      clock,
    });
    const rules = { allowed, serviceAccounts: false };
    const cache = new TokenCache({
      verify: createIdTokenVerifier({
        issuer,
        clientId,
        algorithms,
        mapping: claimMappingOf(options),
        rules,
        keys,
      }),
      waits: createWaitsForIssuer({ issuer, keys }),
      successTtl: ttl,
      failureTtl: ttl,
      metrics,
      clock,
    });
    return {
      authenticator: {
        authenticateToken(token) {
          const found = cache.find(token);
          return found instanceof Promise ? found.then(userOf) : userOf(found);
        },
      },
      check: { name: 'oidc', check: () => keys.check() },
      start: () => keys.start(),
      close: () => keys.close(),
    };
  },
} satisfies AuthenticationMethod<OidcOptions>;
