import * as oauth from 'oauth4webapi';
import { browser } from '../api/browser.js';
import { ApiError } from '../api/client.js';
import type { Attempt } from './kept.js';
import { type IssuerEntry, nameOf } from './offer.js';
import type { Tokens } from './session.js';

/** Milliseconds that an answer of the issuer may take. */
const patience = 15_000;
/**
 * Seconds by which the clock of this machine may differ from the issuer's. The proxy judges the times of a token; here they only show that
 * an answer is not an old one, and the nonce shows that too.
 */
const clockTolerance = 300;

const endpoints = [
  'authorization_endpoint',
  'token_endpoint',
  'revocation_endpoint',
  'end_session_endpoint',
] as const;

/** One issuer, and this page as its public client (OAuth 2.1, OpenID Connect Core 1.0). */
export class Issuer {
  readonly #entry: IssuerEntry;
  readonly #server: oauth.AuthorizationServer;
  readonly #client: oauth.Client;
  /** The address of the page to which the issuer sends the browser back. */
  readonly #redirectUri: string;

  private constructor(entry: IssuerEntry, server: oauth.AuthorizationServer, redirectUri: string) {
    this.#entry = entry;
    this.#server = server;
    this.#client = { client_id: entry.clientId, [oauth.clockTolerance]: clockTolerance };
    this.#redirectUri = redirectUri;
  }

  /** Its name for people. */
  get name(): string {
    return nameOf(this.#entry);
  }

  /**
   * Reads the issuer's discovery document. Rejects, as all methods do, with an ApiError of code 0 if it does not answer.
   *
   * @param base The address of the proxy, without a final slash.
   */
  static async discover(entry: IssuerEntry, base: string): Promise<Issuer> {
    const url = new URL(entry.issuer);
    const response = await oauth.discoveryRequest(url, optionsFor(entry));
    const server = await oauth.processDiscoveryResponse(url, response);
    for (const name of endpoints) {
      const endpoint: unknown = server[name];
      if (endpoint !== undefined && !isUsable(endpoint)) throw new Error(`its ${name} is not https://`);
    }
    return new Issuer(entry, server, base + entry.redirectPath);
  }

  /** The address to go to, and what the answer has to be checked against. */
  async begin(view: string, subject: Attempt['subject']): Promise<{ url: string; attempt: Attempt }> {
    const attempt = {
      issuer: this.#entry.issuer,
      redirectUri: this.#redirectUri,
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
      view,
      subject,
    };
    const url = addressOf(this.#server.authorization_endpoint, {
      response_type: 'code',
      response_mode: 'query',
      client_id: this.#entry.clientId,
      redirect_uri: this.#redirectUri,
      scope: this.#entry.scopes.join(' '),
      state: attempt.state,
      nonce: attempt.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
      ...(subject !== undefined && { prompt: 'none' }),
    });
    if (url === undefined) throw new Error('it names no authorization_endpoint');
    return { url, attempt };
  }

  /**
   * The tokens for the code in an answer, which has to belong to the attempt. Undefined if the issuer refuses because it may ask the user
   * nothing (OpenID Connect Core 1.0, section 3.1.2.6).
   */
  async redeem(
    answer: URLSearchParams,
    { state, nonce, verifier, subject }: Attempt,
  ): Promise<Tokens | undefined> {
    const [server, client] = [this.#server, this.#client];
    let code: URLSearchParams;
    try {
      code = oauth.validateAuthResponse(server, client, answer, state);
    } catch (error) {
      if (subject !== undefined && error instanceof oauth.AuthorizationResponseError) return undefined;
      throw error;
    }
    const response = await oauth.authorizationCodeGrantRequest(
      ...([
        server,
        client,
        oauth.None(),
        code,
        this.#redirectUri,
        verifier,
        optionsFor(this.#entry),
      ] as const),
    );
    const checks = { expectedNonce: nonce };
    const granted = await oauth.processAuthorizationCodeResponse(server, client, response, checks);
    const tokens = tokensOf(granted, granted.refresh_token);
    // Nobody becomes another user without noticing.
    if (subject !== undefined && tokens.subject !== subject)
      throw new Error('another user has signed in there');
    return tokens;
  }

  /** Tokens of the same user. Rejects with a sentence for the user if there are none any more. */
  async refresh(before: Tokens & { readonly refreshToken: string }): Promise<Tokens> {
    const [server, client, { refreshToken }] = [this.#server, this.#client, before];
    try {
      const options = optionsFor(this.#entry);
      const response = await oauth.refreshTokenGrantRequest(
        server,
        client,
        oauth.None(),
        refreshToken,
        options,
      );
      const answer = await oauth.processRefreshTokenResponse(server, client, response);
      const tokens = tokensOf(answer, answer.refresh_token ?? refreshToken);
      // OpenID Connect Core 1.0, section 12.2.
      if (tokens.subject !== before.subject) throw new Error('the token is of another user');
      return tokens;
    } catch (error) {
      if (error instanceof ApiError) throw error;
      throw new Error(`Your sign-in at ${nameOf(this.#entry)} has ended. Sign in again.`);
    }
  }

  /** Makes the issuer forget a refresh token, if it can: sends the request, which goes on when the document ends. */
  revoke(refreshToken: string): void {
    if (this.#server.revocation_endpoint === undefined) return;
    const options = optionsFor(this.#entry, { keepalive: true });
    oauth.revocationRequest(this.#server, this.#client, oauth.None(), refreshToken, options).catch(() => {});
  }

  /**
   * Where the user signs out at the issuer (OpenID Connect RP-Initiated Logout 1.0); undefined if there is no such page. The ID token is not
   * in this address, although the issuer then asks the user whether to sign out: it is the bearer token.
   */
  get signOutAddress(): string | undefined {
    return addressOf(this.#server.end_session_endpoint, {
      client_id: this.#entry.clientId,
      post_logout_redirect_uri: this.#redirectUri,
    });
  }
}

/** Why it is not possible to sign in, as a sentence for the user. */
export function sentenceOf(error: unknown, entry: IssuerEntry): string {
  const name = nameOf(entry);
  if (error instanceof ApiError) return error.message;
  if (error instanceof oauth.AuthorizationResponseError || error instanceof oauth.ResponseBodyError) {
    const description = error.error_description ?? '';
    return `${name} answers ${error.error}${description === '' ? '' : `: ${description}`}`.slice(0, 300);
  }
  return `The answer of ${name} cannot be used: ${(error as Error).message}`.slice(0, 300);
}

function tokensOf(response: oauth.TokenEndpointResponse, refreshToken: string | undefined): Tokens {
  const claims = oauth.getValidatedIdTokenClaims(response);
  if (claims === undefined || response.id_token === undefined) throw new Error('there is no ID token');
  const [begin, end] = [claims.iat * 1000, claims.exp * 1000];
  // Entra ID's tokens begin five minutes before they are given. The clock of this machine may be wrong too, but not by most of a life.
  const lifetime = Math.max(Math.min(end - begin, end - Date.now()), (end - begin) / 4);
  return { idToken: response.id_token, subject: claims.sub, lifetime, refreshToken };
}

function addressOf(endpoint: string | undefined, parameters: Readonly<Record<string, string>>) {
  if (endpoint === undefined) return undefined;
  const url = new URL(endpoint);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Whether a value is a URL of https, or of http on this machine, as the page's policy has it. A URL parser reads a list as its text. */
function isUsable(url: unknown): boolean {
  if (typeof url !== 'string' || !URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
  return protocol === 'https:' || (protocol === 'http:' && isLoopback);
}

/** How each request to the issuer is sent. */
function optionsFor(entry: IssuerEntry, more: RequestInit = {}) {
  return {
    [oauth.allowInsecureRequests]: true,
    [oauth.customFetch]: async (url: string, init: object) => {
      let response: Response;
      try {
        response = await fetch(url, {
          ...init,
          ...more,
          ...{ cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer' },
          signal: AbortSignal.timeout(patience),
        });
      } catch {
        throw new ApiError(
          0,
          `${nameOf(entry)} does not answer this page. It may not allow requests of pages at ` +
            `${browser.location.origin} (CORS), or not be reachable. Reload the page, or use a token.`,
        );
      }
      if (response.status < 500 && response.status !== 429) return response;
      throw new ApiError(response.status, `${nameOf(entry)} answers ${response.status}. Try again later.`);
    },
  } as const;
}
