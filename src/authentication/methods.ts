import type { Cluster } from '../clusters/cluster.js';
import type { ImpersonationTarget } from '../clusters/impersonation-access.js';
import type { HealthCheck } from '../endpoints/health.js';
import type { Logger } from '../observability/log/logger.js';
import type { AuthenticationMetrics } from '../observability/metrics/authentication-metrics.js';
import { createIssuerDispatcher } from '../transport/dial/issuer-dispatcher.js';
import { admitUsersOf } from './admitted-users.js';
import { Authentication } from './authentication.js';
import type { Authenticator } from './authenticator.js';
import type { TokenAuthenticator } from './bearer-token/token-authenticator.js';
import { createTokenCache } from './bearer-token/token-cache.js';
import { claimMappingOf, type OidcOptions, oidcProblems } from './oidc/options.js';
import { followTokenFile } from './token-file/token-file.js';
import { createTokenReview } from './token-review/review.js';

/** The options that say who may call, by their names in the table of options. */
export interface AuthenticationOptions extends OidcOptions {
  readonly clientCaFile: string;
  readonly tokenAuthFile: string;
  readonly authenticationTokenWebhook: boolean;
  /** Milliseconds. */
  readonly authenticationTokenWebhookCacheTtl: number;
  readonly apiAudiences: readonly string[];
  readonly allowSystemIdentities: readonly string[];
}

/** What the methods work with. */
export interface AuthenticationSurroundings {
  /** Asked when there is a request, and so a server. */
  readonly upstream: () => Cluster;
  readonly metrics: AuthenticationMetrics;
  readonly logger: Logger;
  /** The process's environment: it may name a proxy on the way to an OpenID Connect issuer. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Who presents a client certificate; undefined where none is asked for. */
  readonly certificates?: Authenticator;
}

/** The methods that the options ask for, ready and followed as their files change. */
export interface ConfiguredAuthentication {
  readonly authentication: Authentication;
  /** What the proxy's identity must be allowed to impersonate, for the users that can come. */
  impersonated(): readonly ImpersonationTarget[];
  /** Checks of readyz. */
  readonly checks: readonly HealthCheck[];
  /** Begins with what goes on in the background; before it nothing is dialled. */
  start(): void;
  close(): void;
}

/** Milliseconds, as in the API server: a key that the issuer took back is good for so long. */
const oidcTtl = 10_000;
const failureTtl = 10_000;

/** Whether callers have to say who they are. */
export function asksCallers(options: AuthenticationOptions): boolean {
  const { clientCaFile, tokenAuthFile, oidcIssuerUrl, oidcClientId, authenticationTokenWebhook } = options;
  return (
    authenticationTokenWebhook || [clientCaFile, tokenAuthFile, oidcIssuerUrl, oidcClientId].some(isGiven)
  );
}

function isGiven(text: string): boolean {
  return text !== '';
}

/** Makes them; reads files and dials nothing. All that is wrong is told at once. */
export async function configureAuthentication(
  options: AuthenticationOptions,
  { upstream, metrics, logger, env, certificates }: AuthenticationSurroundings,
): Promise<ConfiguredAuthentication | { readonly problems: readonly string[] }> {
  const problems = oidcProblems(options);
  const allowed = new Set(options.allowSystemIdentities);
  const methods: TokenAuthenticator[] = [];
  let hasUids = () => options.authenticationTokenWebhook;
  const closers: (() => void)[] = [];
  const checks: HealthCheck[] = [];
  if (options.tokenAuthFile !== '') {
    const followed = await followTokenFile({
      file: options.tokenAuthFile,
      flag: '--token-auth-file',
      rules: { allowed, serviceAccounts: false },
      onWarning: warning => logger.warn(warning),
      onReload(problems) {
        metrics.tokenFileReloaded(problems.length === 0);
        if (problems.length === 0) logger.info('tokens of callers reloaded');
        else logger.error({ problems }, 'tokens of callers cannot be used; the last good ones stay in use');
      },
    });
    if ('problems' in followed) return { problems: [...followed.problems, ...problems] };
    methods.push(followed.authenticator);
    hasUids = () => options.authenticationTokenWebhook || followed.hasUids();
    closers.push(followed.close);
  }
  if (problems.length > 0) {
    for (const close of closers) close();
    return { problems };
  }
  let start = () => {};
  if (options.oidcIssuerUrl !== '') {
    const { oidcIssuerUrl: issuer, oidcClientId: clientId, oidcSigningAlgs: algorithms } = options;
    // Loaded for those who use it, jose above all.
    const [{ createOidcJudge, createWaitsForIssuer }, { OidcKeys }] = await Promise.all([
      import('./oidc/judge.js'),
      import('./oidc/keys.js'),
    ]);
    const keys = new OidcKeys({
      ...{ issuer, caFile: options.oidcCaFile, log: logger },
      createDispatcher: createIssuerDispatcher(env),
    });
    const rules = { allowed, serviceAccounts: false };
    const judge = createOidcJudge({
      ...{ issuer, clientId, algorithms, mapping: claimMappingOf(options), rules, keys },
    });
    const waits = createWaitsForIssuer({ issuer, keys });
    methods.push(
      createTokenCache({ method: 'oidc', judge, waits, successTtl: oidcTtl, failureTtl, metrics }),
    );
    checks.push({ name: 'oidc', check: () => keys.check() });
    start = () => keys.start();
    closers.push(() => keys.close());
  }
  if (options.authenticationTokenWebhook) {
    const rules = { allowed, serviceAccounts: true };
    const successTtl = options.authenticationTokenWebhookCacheTtl;
    methods.push(
      createTokenCache({
        method: 'token_review',
        judge: createTokenReview({ upstream, audiences: options.apiAudiences, rules, metrics }),
        successTtl,
        failureTtl: Math.min(successTtl, failureTtl),
        metrics,
        // The whole endpoint: an answer from another path or server name, or to another identity, may mean another user.
        judgedBy: () => upstream().endpoint,
      }),
    );
  }
  return {
    authentication: new Authentication(
      {
        certificates: certificates && admitUsersOf(certificates, { allowed, serviceAccounts: false }),
        tokens: methods,
      },
      metrics,
    ),
    impersonated: () => [
      ...userTargets,
      ...(hasUids() ? uidTargets : []),
      ...(options.authenticationTokenWebhook ? serviceAccountTargets : []),
    ],
    checks,
    start,
    close() {
      for (const close of closers) close();
    },
  };
}

const userTargets = ['users', 'groups'].map(resource => ({ group: '', resource }));
const uidTargets = [{ group: 'authentication.k8s.io', resource: 'uids' }];
/** What the tokens of service accounts bring since Kubernetes 1.30, beside those that say more of a Pod and its node. */
const serviceAccountTargets = [
  { group: '', resource: 'serviceaccounts' },
  {
    group: 'authentication.k8s.io',
    resource: 'userextras',
    subresource: 'authentication.kubernetes.io/credential-id',
  },
];
