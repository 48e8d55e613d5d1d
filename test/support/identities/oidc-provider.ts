import { createServer } from 'node:https';
import Provider, { type Configuration } from 'oidc-provider';
import type { CertificateAuthority } from '../certificates/certificates.js';
import { listenFor } from '../ports.js';
import type { Scope } from '../scope.js';
import { createOidcSigner } from './oidc-signer.js';

/** A whole OpenID Provider, whose users have any name and any password. */
export type RunningProvider = Awaited<ReturnType<typeof startProvider>>;

/** The public client of the tests. */
export const clientId = 'kube-api-proxy';

/**
 * Starts a provider on 127.0.0.1 with a certificate of the authority.
 *
 * @param options.lifetime Seconds for which an ID token is valid.
 */
export async function startProvider(
  scope: Scope,
  authority: CertificateAuthority,
  { lifetime = 300 }: { readonly lifetime?: number } = {},
) {
  const { certificate, key } = await authority.server();
  const server = createServer({ cert: certificate, key });
  const url = `https://127.0.0.1:${await listenFor(scope, server)}`;
  const pages = new Set<string>();
  const refusedOrigins = new Set<string>();
  const provider = new Provider(url, configuration(lifetime, refusedOrigins));
  // The port of the program is not known yet.
  Object.assign(provider.Client.prototype, {
    redirectUriAllowed: (page: string) => pages.has(page),
    postLogoutRedirectUriAllowed: (page: string) => pages.has(page),
  });
  const granted = { authorization_code: 0, refresh_token: 0 };
  provider.on('grant.success', ({ oidc }) => {
    granted[oidc.params?.['grant_type'] as keyof typeof granted]++;
  });
  const running = {
    /** `https://127.0.0.1:PORT`. */
    url,
    /** The pages to which it may send a browser back. */
    pages,
    /** Origins whose pages may not ask it anything. */
    refusedOrigins,
    /** How often its token endpoint has granted tokens, by the type of the grant. */
    granted,
    /** How many refresh tokens clients have revoked. */
    revoked: 0,
    /** Changes the addresses to which it sends browsers back. */
    alterAnswer: (address: URL): URL => address,
  };
  provider.use(async (context, next) => {
    await next();
    const address = context.response.get('Location') ?? '';
    if ([...pages].some(page => address.startsWith(`${page}?`))) {
      context.response.set('Location', running.alterAnswer(new URL(address)).href);
    }
    if (context.path === '/token/revocation' && context.status === 200) running.revoked++;
  });
  server.on('request', provider.callback());
  return running;
}

function configuration(lifetime: number, refusedOrigins: ReadonlySet<string>): Configuration {
  return {
    clients: [
      {
        client_id: clientId,
        token_endpoint_auth_method: 'none',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: ['https://127.0.0.1/'],
      },
    ],
    jwks: { keys: [createOidcSigner('one').privateJwk] },
    cookies: { keys: ['key of the tests'] },
    claims: { openid: ['sub'], email: ['email'] },
    scopes: ['openid', 'email', 'offline_access'],
    features: {
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    // By itself, it gives a refresh token only for a consent to offline_access.
    issueRefreshToken: (_context, client) => client.grantTypeAllowed('refresh_token'),
    clientBasedCORS: (_context, origin) => !refusedOrigins.has(origin),
    findAccount: (_context, accountId) => ({
      accountId,
      claims: () => ({ sub: accountId, email: `${accountId}@example.com` }),
    }),
    // The user is asked for nothing but a name.
    async loadExistingGrant({ oidc }) {
      const known = oidc.result?.consent?.grantId ?? oidc.session?.grantIdFor(clientId);
      const found = known === undefined ? undefined : await oidc.provider.Grant.find(known);
      if (found !== undefined) return found;
      const grant = new oidc.provider.Grant({ clientId, accountId: oidc.session?.accountId as string });
      grant.addOIDCScope('openid email offline_access');
      await grant.save();
      return grant;
    },
    ttl: { IdToken: lifetime },
  };
}
