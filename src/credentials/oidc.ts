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
    return {
      credential: { ...base, authorization: `Bearer ${idToken}` },
      expiresAt: token.expires?.getTime(),
    };
  };
  const issuer = new OidcIssuer(config, dial);
  let { refreshToken } = config;
  return createRenewedSource({
    name: 'oidc',
    first: read(config.idToken),
    events,
    clock,
    async obtain(signal) {
      if (refreshToken === '') {
        throw new CredentialError(
          'the id-token cannot be renewed: there is no refresh-token; log in again when it has expired',
        );
      }
      const tokens = await issuer.refresh(refreshToken, signal);
      refreshToken = tokens.refreshToken ?? refreshToken;
      const obtained = read(tokens.idToken);
      if (obtained === undefined) {
        throw new CredentialError(
          'the OpenID Connect issuer returned an id_token that is not a JSON Web Token',
        );
      }
      return obtained;
    },
  });
}
