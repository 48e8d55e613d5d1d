import type { Dispatcher } from 'undici';
import { loadCertificateAuthority } from '../certificates/certificate-authority.js';
import type { OidcConfig } from '../kubeconfig/auth-provider.js';
import { parseObject } from '../lib/json.js';
import { readWhole } from '../lib/read-file.js';
import { CredentialError } from './credential.js';
import {
  askIssuer,
  createIssuerDispatcher,
  describeIssuer,
  type IssuerAnswer,
  type IssuerDial,
} from './oidc-request.js';

/** The tokens from a refresh. They are not verified. */
export interface RefreshedTokens {
  readonly idToken: string;
  /** Undefined if the old one stays in use. */
  readonly refreshToken: string | undefined;
}

/** How the request carries client ID and secret (RFC 6749, section 2.3.1): as HTTP basic authentication, or in the body. */
type AuthStyle = 'header' | 'params';

/**
 * The refresh grant at an OpenID Connect issuer, as in client-go and golang.org/x/oauth2. Each refresh discovers the token endpoint again
 * and reads the authority's file again, because both may change. Basic authentication is tried first, then client_secret_post. For each
 * endpoint, the one that worked is remembered.
 */
export class OidcIssuer {
  readonly #config: OidcConfig;
  readonly #dial: IssuerDial;
  readonly #authStyles = new Map<string, AuthStyle>();

  constructor(config: OidcConfig, dial: IssuerDial) {
    this.#config = config;
    this.#dial = dial;
  }

  /** Rejects with a CredentialError whose message contains no secret and no text from the issuer. */
  async refresh(refreshToken: string, signal: AbortSignal): Promise<RefreshedTokens> {
    const dispatcher = createIssuerDispatcher(this.#dial, await this.#loadAuthority());
    try {
      const tokenEndpoint = await this.#discover(dispatcher, signal);
      return await this.#exchange(tokenEndpoint, refreshToken, { dispatcher, signal });
    } finally {
      void dispatcher.destroy();
    }
  }

  async #loadAuthority(): Promise<Buffer | undefined> {
    const loaded = await loadCertificateAuthority(this.#config.certificateAuthority, readWhole);
    if ('certificateAuthority' in loaded) return loaded.certificateAuthority;
    throw new CredentialError(`the OpenID Connect issuer cannot be verified: ${loaded.problems.join('; ')}`);
  }

  /** OpenID Connect Discovery 1.0, section 4. Section 4.3 requires that the document names the same issuer. */
  async #discover(dispatcher: Dispatcher, signal: AbortSignal): Promise<URL> {
    const issuer = withoutSlash(this.#config.issuer);
    const url = new URL(`${issuer}/.well-known/openid-configuration`);
    const answer = await askIssuer(url, { dispatcher, signal });
    const fail = (reason: string): CredentialError =>
      new CredentialError(`${describeIssuer(url)} cannot be used: ${reason}`);
    if (answer.status !== 200) throw fail(`it answered ${answer.status}`);
    const metadata = parseObject(answer.text);
    if (metadata === undefined) throw fail('its answer is not a JSON object');
    const { issuer: named, token_endpoint: tokenEndpoint } = metadata;
    if (typeof named !== 'string' || withoutSlash(named) !== issuer) {
      throw fail('its discovery document is for another issuer; check idp-issuer-url');
    }
    if (typeof tokenEndpoint !== 'string' || !URL.canParse(tokenEndpoint))
      throw fail('it has no token_endpoint');
    const tokenUrl = new URL(tokenEndpoint);
    if (tokenUrl.protocol !== 'https:' || tokenUrl.username !== '' || tokenUrl.password !== '') {
      throw fail('its token_endpoint is not a plain https:// URL');
    }
    return tokenUrl;
  }

  async #exchange(
    tokenEndpoint: URL,
    refreshToken: string,
    via: { readonly dispatcher: Dispatcher; readonly signal: AbortSignal },
  ): Promise<RefreshedTokens> {
    const known = this.#authStyles.get(tokenEndpoint.href);
    const styles: readonly AuthStyle[] = known === undefined ? ['header', 'params'] : [known];
    let problem = '';
    for (const style of styles) {
      const answer = await askIssuer(tokenEndpoint, { ...via, ...this.#grant(style, refreshToken) });
      const result = readTokens(answer);
      if ('tokens' in result) {
        this.#authStyles.set(tokenEndpoint.href, style);
        return result.tokens;
      }
      problem = result.problem;
      // The issuer has accepted the client, and the refresh token may be used up. Only a refusal justifies a second try.
      if (!result.isRefused) break;
    }
    throw new CredentialError(`${describeIssuer(tokenEndpoint)} does not refresh the id-token: ${problem}`);
  }

  #grant(
    style: AuthStyle,
    refreshToken: string,
  ): { readonly form: URLSearchParams; readonly authorization?: string } {
    const { clientId, clientSecret } = this.#config;
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken });
    if (style === 'header') {
      const pair = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
      return { form, authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
    }
    form.set('client_id', clientId);
    if (clientSecret !== '') form.set('client_secret', clientSecret);
    return { form };
  }
}

type TokenResult =
  | { readonly tokens: RefreshedTokens }
  | { readonly problem: string; readonly isRefused: boolean };

/** Error codes of RFC 6749 (5.2) and OpenID Connect Core (3.1.2.6). Messages omit other codes, which could contain anything. */
const knownErrors: ReadonlySet<unknown> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'access_denied',
  'server_error',
  'temporarily_unavailable',
  'interaction_required',
  'login_required',
  'consent_required',
]);

function readTokens({ status, mediaType, text }: IssuerAnswer): TokenResult {
  const isForm = mediaType === 'application/x-www-form-urlencoded' || mediaType === 'text/plain';
  const answer = isForm ? Object.fromEntries(new URLSearchParams(text)) : parseObject(text);
  const { error, id_token: idToken, refresh_token: refreshToken } = answer ?? {};
  if (status < 200 || status > 299 || error !== undefined) {
    const code = knownErrors.has(error) ? ` ${error}` : '';
    const advice =
      error === 'invalid_grant' ? ' (the refresh-token is not valid any more; log in again)' : '';
    return { problem: `it answered ${status}${code}${advice}`, isRefused: true };
  }
  if (answer === undefined) return { problem: 'its answer is not a JSON object', isRefused: false };
  if (typeof idToken !== 'string' || idToken === '') {
    return {
      problem: 'its answer has no id_token (the login must request the scope openid)',
      isRefused: false,
    };
  }
  const isRefreshToken = typeof refreshToken === 'string' && refreshToken !== '';
  return { tokens: { idToken, refreshToken: isRefreshToken ? refreshToken : undefined } };
}

function withoutSlash(issuer: string): string {
  return issuer.replace(/\/$/, '');
}

/** application/x-www-form-urlencoded: RFC 6749 (2.3.1) requires this encoding for client ID and secret in basic authentication. */
function formEncode(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2);
}
