import type { OidcConfig } from '../kubeconfig/auth-provider.js';
import { readIdToken } from '../kubeconfig/id-token.js';
import { type Clock, systemClock } from '../lib/clock.js';
import {
  type Credential,
  CredentialError,
  type CredentialEvents,
  type CredentialSource,
} from './credential.js';
import { OidcIssuer } from './oidc-issuer.js';
import type { IssuerDial } from './oidc-request.js';
import { createRenewedSource, type ObtainedCredential } from './renewed-source.js';

/** client-go treats an ID token as expired this many milliseconds before its end. */
const leeway = 10_000;
/**
 * If a new token has already expired by this machine's clock, it is used for this many milliseconds, because only the API server's clock
 * decides.
 */
const leastUse = 10_000;

/** The options of an oidc source. */
interface OidcSourceOptions {
  readonly config: OidcConfig;
  /** The user's other credentials, such as a client certificate. */
  readonly base: Omit<Credential, 'authorization'>;
  readonly events: CredentialEvents;
  readonly clock?: Clock;
  /** Opens the connections to the issuer. Each refresh has its own. */
  readonly dial: IssuerDial;
}

/**
 * The credential of the oidc auth provider: the ID token as a bearer token. The issuer renews it before it expires. New tokens stay in
 * memory. The kubeconfig is never written, so after a restart the refresh token of the kubeconfig is used again.
 */
export function createOidcSource(options: OidcSourceOptions): CredentialSource {
  const { config, base, events, clock = systemClock, dial } = options;
  const read = (idToken: string): ObtainedCredential | undefined => {
    const token = readIdToken(idToken);
    if (token === undefined) return undefined;
    const expires = token.expires?.getTime();
    return {
      credential: { ...base, authorization: `Bearer ${idToken}` },
      endsAt: (expires ?? 0) - leeway,
      ...(expires === undefined ? {} : { expiresAt: expires }),
    };
  };
  const first = read(config.idToken);
  if (config.refreshToken === '') return createLastingSource(first, events, clock);

  const issuer = new OidcIssuer(config, dial);
  let { refreshToken } = config;
  return createRenewedSource({
    name: 'oidc',
    first,
    events,
    clock,
    async obtain(signal) {
      const tokens = await issuer.refresh(refreshToken, signal);
      refreshToken = tokens.refreshToken ?? refreshToken;
      const obtained = read(tokens.idToken);
      if (obtained?.endsAt === undefined) {
        throw new CredentialError(
          'the OpenID Connect issuer returned an id_token that is not a JSON Web Token',
        );
      }
      return { ...obtained, endsAt: Math.max(obtained.endsAt, clock.now() + leastUse) };
    },
  });
}

/** Without a refresh token, the ID token is used until it expires. After that there is no credential. */
function createLastingSource(
  idToken: ObtainedCredential | undefined,
  events: CredentialEvents,
  clock: Clock,
): CredentialSource {
  const name = 'oidc';
  let isReported = false;
  const report = ({ expiresAt }: ObtainedCredential): void => {
    if (isReported) return;
    isReported = true;
    const expires = expiresAt === undefined ? undefined : new Date(expiresAt);
    events.expires(name, expires);
    events.log.warn(
      { source: name, expires },
      'the id-token cannot be renewed when it expires: there is no refresh-token',
    );
  };
  return {
    name,
    isLasting: false,
    get() {
      if (idToken !== undefined) report(idToken);
      if (idToken?.endsAt !== undefined && clock.now() < idToken.endsAt) return idToken.credential;
      return Promise.reject(
        new CredentialError(
          'the id-token has expired and there is no refresh-token to renew it; log in again',
        ),
      );
    },
    refused: async () => undefined,
    close() {
      isReported = true;
      events.expires(name, undefined);
    },
  };
}
