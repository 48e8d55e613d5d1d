import type { BearerToken } from '../../authentication/bearer-token.js';
import type { CallerRules } from '../../authentication/identity.js';
import type { TrustedIssuer } from '../../authentication/method.js';
import type { PemSource } from '../../kubeconfig/pem-source.js';
import type { JsonObject } from '../../lib/json.js';
import type { VerifiedUser } from '../common/token-cache.js';
import { OidcKeys, type OidcKeysOptions } from './keys.js';
import type { ValidAuthenticator } from './validation.js';
import { createIdTokenVerifier, createWaitsForIssuer, issuerOf } from './verifier.js';

/** Scopes of OpenID Connect Core 1.0, sections 5.4 and 11, and `groups`, which Dex and Okta have. */
const usualScopes = ['profile', 'email', 'groups', 'offline_access'];

/** What all issuers have in common. */
export interface IssuerParts extends Pick<OidcKeysOptions, 'dial' | 'log' | 'clock' | 'names'> {
  /** JOSE algorithms that may sign tokens; none of them is symmetric. */
  readonly algorithms: readonly string[];
  readonly rules: CallerRules;
  readonly isAlone: boolean;
  /** Scopes in place of the usual ones; none to ask for those. */
  readonly scopes: readonly string[];
  /** A file that replaces the authorities of the configuration, and that may change. */
  readonly certificateAuthority?: PemSource;
}

/** One issuer in use, with keys of its own. */
class Issuer implements TrustedIssuer {
  readonly valid: ValidAuthenticator;
  readonly url: string;
  readonly clientId: string;
  readonly keys: OidcKeys;
  readonly isAlone: boolean;
  readonly #configuredScopes: readonly string[];
  readonly verify: (token: BearerToken) => Promise<VerifiedUser | undefined>;
  readonly waits: (token: BearerToken) => boolean;

  constructor(valid: ValidAuthenticator, parts: IssuerParts) {
    const { url, discoveryURL = '', certificateAuthority = '', audiences } = valid.entry.issuer;
    const inline = { data: Buffer.from(certificateAuthority), origin: 'certificateAuthority' };
    this.valid = valid;
    this.url = url;
    this.clientId = audiences[0] as string;
    this.isAlone = parts.isAlone;
    this.#configuredScopes = parts.scopes;
    this.keys = new OidcKeys({
      ...parts,
      issuer: url,
      discoveryUrl: discoveryURL,
      certificateAuthority: parts.certificateAuthority ?? (certificateAuthority === '' ? undefined : inline),
    });
    const verification = { ...parts, issuer: url, audiences, mapping: valid.mapping, keys: this.keys };
    this.verify = createIdTokenVerifier(verification);
    this.waits = createWaitsForIssuer(verification);
  }

  get scopes(): readonly string[] | undefined {
    if (this.#configuredScopes.length > 0) return [...new Set(['openid', ...this.#configuredScopes])];
    if (this.keys.discovery === undefined) return undefined;
    const { scopes_supported: known } = this.keys.discovery;
    const { username } = this.valid.mapping;
    const namesByEmail = 'text' in username ? username.selectsClaim('email') : username.claim === 'email';
    const isWanted = (scope: string) =>
      (Array.isArray(known) && known.includes(scope)) || (scope === 'email' && namesByEmail);
    return ['openid', ...usualScopes.filter(isWanted)];
  }

  discovery(): JsonObject | undefined {
    return this.keys.discovery;
  }
}

/** By the URL of each issuer. */
type IssuerSet = ReadonlyMap<string, Issuer>;

/** The issuers of the current configuration. A token is checked by the issuer that it names, and by no other one. */
export class Issuers {
  readonly #parts: IssuerParts;
  /** Another object for each configuration. */
  current: IssuerSet = new Map();
  #isStarted = false;

  constructor(parts: IssuerParts) {
    this.#parts = parts;
  }

  get all(): readonly Issuer[] {
    return [...this.current.values()];
  }

  /** From now on these are the issuers. One whose entry has not changed keeps its keys. */
  replace(entries: readonly ValidAuthenticator[]): void {
    const before = this.current;
    this.current = new Map(
      entries.map(valid => {
        const { url } = valid.entry.issuer;
        const known = before.get(url);
        const isSame = JSON.stringify(known?.valid.entry) === JSON.stringify(valid.entry);
        return [url, known !== undefined && isSame ? known : new Issuer(valid, this.#parts)];
      }),
    );
    const kept = new Set(this.current.values());
    for (const issuer of before.values()) if (!kept.has(issuer)) issuer.keys.close();
    if (this.#isStarted) this.#startNew(before);
  }

  /** The user; undefined if no issuer is the token's. Errors as for `createIdTokenVerifier`. */
  async verify(token: BearerToken): Promise<VerifiedUser | undefined> {
    return this.#issuerOf(token)?.verify(token);
  }

  /** Whether a token has to wait for its issuer because its key is not known yet. */
  waits(token: BearerToken): boolean {
    return this.#issuerOf(token)?.waits(token) ?? false;
  }

  /** Throws if no issuer can be used; the error contains the reason of the first one. */
  check(): void {
    const [first] = this.warnings();
    if (first !== undefined && this.warnings().length === this.current.size) throw new Error(first);
  }

  /** Why issuers cannot be used yet, one line for each. */
  warnings(): readonly string[] {
    return this.all.flatMap(({ keys }) => keys.warning ?? []);
  }

  start(): void {
    this.#isStarted = true;
    this.#startNew(new Map());
  }

  close(): void {
    for (const { keys } of this.all) keys.close();
  }

  #startNew(before: IssuerSet): void {
    for (const [url, issuer] of this.current) if (before.get(url) !== issuer) issuer.keys.start();
  }

  #issuerOf(token: BearerToken): Issuer | undefined {
    const name = issuerOf(token);
    // Google's tokens may have the issuer without its scheme (k8s.io/apiserver `untrustedIssuer`).
    return this.current.get(name === 'accounts.google.com' ? `https://${name}` : (name ?? ''));
  }
}
