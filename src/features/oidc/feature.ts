import type { BearerToken } from '../../authentication/bearer-token.js';
import { type AuthenticationRequest, type TrustedIssuer, uidTarget } from '../../authentication/method.js';
import type { Feature } from '../../feature.js';
import type { CallerEntry } from '../../kubeconfig/types.js';
import { timed } from '../../lib/phases.js';
import { createReloadCounter } from '../../observability/metrics/reload-counter.js';
import type { ImpersonationTarget } from '../../reviews/own-rights.js';
import { createIssuerDial } from '../../transport/dial/issuer-dial.js';
import { bearerTokenFields, bearerTokenHint, credentialIdTarget } from '../common/bearer-token.js';
import type { FollowedFile } from '../common/configuration-file/follow.js';
import { allowedAlgorithms, configurationOf, type OidcOptions, oidcProblems, options } from './options.js';

/** Milliseconds, as in the API server. A key that the issuer has withdrawn may be accepted for this long. */
const ttl = 10_000;

/** Authenticates callers by the ID tokens of OpenID Connect issuers, and follows the changes of the file that names them. */
export const openIdConnect = {
  name: 'oidc',
  options,
  problems: oidcProblems,
  metrics: registry =>
    createReloadCounter(
      registry,
      'kube_api_proxy_authentication_config_reloads_total',
      'Reads of the changed file of --authentication-config, by whether it could be used.',
    ),
  method: {
    name: 'oidc',
    flag: '--oidc-issuer-url or --authentication-config',
    hint: bearerTokenHint,
    sendsSecret: true,
    hasIssuers: true,
    isOn,
  },

  async create(options, { metrics, logger, env, clock, callerRules, rereadInterval }, reloaded) {
    if (!isOn(options)) return undefined;
    const [{ Issuers }, { authenticationFile, validate }, { TokenCache, userOf }] = await Promise.all([
      import('./issuers.js'),
      import('./validation.js'),
      import('../common/token-cache.js'),
    ]);
    const { authenticationConfig: file, oidcCaFile } = options;
    const isFile = file !== '';
    const issuers = new Issuers({
      dial: createIssuerDial(env),
      log: logger,
      clock,
      isAlone: !isFile,
      rules: { ...callerRules, serviceAccounts: false },
      scopes: options.signInScopes,
      algorithms: isFile ? allowedAlgorithms : options.oidcSigningAlgs,
      names: isFile
        ? { issuer: 'issuer.url', certificateAuthority: 'issuer.certificateAuthority' }
        : { issuer: '--oidc-issuer-url', certificateAuthority: '--oidc-ca-file' },
      ...(oidcCaFile !== '' && { certificateAuthority: { file: oidcCaFile } }),
    });
    let followed: FollowedFile | undefined;
    if (isFile) {
      const [{ followConfigurationFile }, { readAuthenticators, collisions }] = await Promise.all([
        import('../common/configuration-file/follow.js'),
        import('./configuration-file.js'),
      ]);
      const found = await followConfigurationFile({
        ...{ flag: '--authentication-config', file, format: authenticationFile, subject: 'issuers' },
        read: readAuthenticators,
        use(entries) {
          for (const warning of collisions(entries)) logger.warn(warning);
          issuers.replace(entries);
        },
        ...{ reloaded, logger, interval: rereadInterval },
      });
      if ('problems' in found) return found;
      followed = found;
    } else {
      const problems: string[] = [];
      const entries = await validate(configurationOf(options), (_path, reason) =>
        problems.push(`--oidc-issuer-url and the other --oidc-* flags: ${reason}`),
      );
      // What `oidcProblems` finds is reported already, in the words of the flags.
      if (problems.length > 0) return { problems: oidcProblems(options).length > 0 ? [] : problems };
      issuers.replace(entries);
    }
    const cache = new TokenCache({
      verify: token => issuers.verify(token),
      waits: token => issuers.waits(token),
      verifiedBy: () => issuers.current,
      successTtl: ttl,
      failureTtl: ttl,
      metrics: metrics.authentication,
      clock,
    });
    const authenticator = {
      authenticateToken(token: BearerToken, { record }: AuthenticationRequest) {
        const found = cache.find(token);
        return found instanceof Promise
          ? timed(record?.phases, 'authentication', found.then(userOf), found)
          : userOf(found);
      },
    };
    return {
      method: {
        authenticator,
        // No server is asked about a token, and what is remembered for `ttl` ends with the token and with the configuration.
        rechecker: authenticator,
        check: { name: 'oidc', check: () => issuers.check() },
        issuers: () => issuers.all,
        impersonates: () => issuers.all.flatMap(({ valid }) => impersonated(valid.mapping)),
        kubeconfigUsers: () => (issuers.all.length === 0 ? [anyToken] : issuers.all.map(kubeconfigUser)),
      },
      warnings() {
        const none =
          issuers.all.length === 0 ? [`${file} has no jwt entries, so every ID token is refused`] : [];
        return [...none, ...(followed?.warnings() ?? []), ...issuers.warnings()];
      },
      start: () => issuers.start(),
      close() {
        followed?.close();
        issuers.close();
      },
    };
  },
} as const satisfies Feature<OidcOptions, ReturnType<typeof createReloadCounter>>;

function isOn({ oidcIssuerUrl, authenticationConfig }: OidcOptions): boolean {
  return oidcIssuerUrl !== '' || authenticationConfig !== '';
}

/** The ID of a token (`jti`) becomes an extra field for audit logs. */
function impersonated({
  uid,
  extra,
}: {
  readonly uid: unknown;
  readonly extra: readonly { readonly key: string }[];
}): readonly ImpersonationTarget[] {
  return [
    credentialIdTarget,
    ...(uid === undefined ? [] : [uidTarget]),
    ...extra.map(({ key }) => ({ ...credentialIdTarget, subresource: key })),
  ];
}

const anyToken = { fields: bearerTokenFields, isComplete: false, isPerCluster: false };

/**
 * The same fields as kubelogin's own setup writes, but the command is the plugin itself: kubectl says how to install a command that is
 * missing, and `kubectl oidc-login` would not be. kubelogin always asks for `openid`. Clients that sign people in themselves, such as Headlamp's
 * backend, read client-go's former auth provider, with `scope` as Headlamp splits it.
 */
function kubeconfigUser({ url, clientId, scopes }: TrustedIssuer): CallerEntry {
  const more = scopes?.filter(scope => scope !== 'openid') ?? [];
  const scope = more.length > 0 && { scope: more.join(',') };
  return {
    fields: {
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command: 'kubectl-oidc_login',
        args: [
          'get-token',
          `--oidc-issuer-url=${url}`,
          `--oidc-client-id=${clientId}`,
          ...more.map(scope => `--oidc-extra-scope=${scope}`),
        ],
        installHint: 'kubectl krew install oidc-login',
        interactiveMode: 'IfAvailable',
      },
    },
    signInFields: {
      'auth-provider': { name: 'oidc', config: { 'client-id': clientId, 'idp-issuer-url': url, ...scope } },
    },
    isComplete: true,
    isPerCluster: false,
    ...(scopes === undefined && {
      note: `The issuer ${url} has not answered the proxy yet, so no scopes are here. Request this file again, or you may lack groups.`,
    }),
  };
}
