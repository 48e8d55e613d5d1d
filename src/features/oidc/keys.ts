import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { JWKSNoMatchingKey } from 'jose/errors';
import { AuthenticationError } from '../../authentication/identity.js';
import { loadCertificateAuthority } from '../../certificates/certificate-authority.js';
import {
  askIssuer,
  createIssuerDispatcher,
  describeIssuer,
  type IssuerDial,
} from '../../credentials/oidc-request.js';
import type { PemSource } from '../../kubeconfig/pem-source.js';
import { StatusError } from '../../kubernetes/status.js';
import { type Clock, systemClock } from '../../lib/clock.js';
import { type JsonObject, parseObject } from '../../lib/json.js';
import { Moment } from '../../lib/moment.js';
import { readWhole } from '../../lib/read-file.js';

/** How the keys of an issuer are fetched. */
export interface OidcKeysOptions {
  readonly issuer: string;
  /** Where the discovery document is; empty if it is below the issuer's URL. */
  readonly discoveryUrl: string;
  /** The authorities for the issuer's certificate; undefined for the well-known ones. */
  readonly certificateAuthority: PemSource | undefined;
  /** What messages call the options for the issuer and for its authority. */
  readonly names: { readonly issuer: string; readonly certificateAuthority: string };
  /** Opens the connections to the issuer. Each fetch has its own. */
  readonly dial: IssuerDial;
  readonly clock?: Clock;
  readonly log: { info(message: string): void; warn(fields: object, message: string): void };
}

/** Milliseconds until the next try while there are no keys, as in the API server. */
const retryInterval = 10_000;
/** Minimum milliseconds between two searches for a missing key, whichever keys the tokens name. */
const cooldown = 5_000;
/**
 * How long tokens wait for a fetch, in milliseconds: for a key that is not known, the same if the last fetch has failed, and for the keys to be
 * fetched again.
 */
const patience = { unknown: 5_000, afterFailure: 1_000, renewal: 2_000 };
/** A token without the name of its key is checked with each key, and anybody may send one. */
const mostKeys = 100;
/** Milliseconds after which keys are fetched again, so that keys that the issuer has withdrawn are forgotten. */
const freshFor = 10 * 60_000;

/**
 * The public keys of an OpenID Connect issuer, found by OpenID Connect Discovery 1.0. They are fetched in the background, repeatedly until
 * a fetch succeeds; tokens wait for that. If the issuer cannot be reached later, the last keys stay in use.
 */
export class OidcKeys {
  readonly #options: OidcKeysOptions;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  #keys: JWTVerifyGetKey | undefined;
  #keyNames: ReadonlySet<unknown> = new Set();
  /** The discovery document that was fetched last; undefined until then. */
  discovery: JsonObject | undefined;
  #fetching: Promise<void> | undefined;
  /** Resolves when the keys have been fetched again, and at the latest when tokens do not wait any longer for that. */
  #renewal: Promise<void> | undefined;
  /** When the last fetch began. */
  #asked: Moment | undefined;
  /** Why the last fetch failed; undefined if it succeeded. */
  #failure: string | undefined;
  #cancelRetry = () => {};

  constructor(options: OidcKeysOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Starts a fetch in the background. Never throws. */
  start(): void {
    void this.#fetch();
  }

  close(): void {
    this.#cancelRetry();
    this.#closed.abort();
  }

  /** While there are no keys, why that is so. */
  get warning(): string | undefined {
    if (this.#keys !== undefined) return undefined;
    const { issuer } = this.#options;
    const reason = this.#failure ?? 'they are being fetched';
    return `there are no keys of the OpenID Connect issuer ${issuer} yet, so its tokens get 503: ${reason}`;
  }

  /** Whether there is a key with this name (`kid`). If so, its tokens need not wait for the issuer. */
  has(name: unknown): boolean {
    return this.#keyNames.has(name);
  }

  /**
   * The key for a token's header: jose's `JWTVerifyGetKey`. Waits at most 2 s for keys in the place of old ones. If there is no such key,
   * asks the issuer once more. Rejects with a StatusError of 503 when the issuer has not answered for 5 s, and at once if that is known.
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#keys === undefined) await this.#lookAgain(Number.POSITIVE_INFINITY);
    else await this.#renew();
    const keys = this.#keys;
    if (keys === undefined) throw this.#unavailable();
    try {
      return await keys(header, token);
    } catch (error) {
      if (!(error instanceof JWKSNoMatchingKey)) throw error;
      if (this.has(header.kid))
        throw new AuthenticationError('the key of this name is for another algorithm');
      const isAnswered = await this.#lookAgain(cooldown);
      if (this.#failure !== undefined || this.#fetching !== undefined) throw this.#unavailable();
      if (!isAnswered) throw new AuthenticationError('the issuer has no such key', { isPassing: true });
      return (this.#keys ?? keys)(header, token);
    }
  };

  /** Milliseconds since the last fetch began. */
  get #age(): number {
    return this.#asked?.age ?? Number.POSITIVE_INFINITY;
  }

  /**
   * Waits for the current fetch. If there is none, starts one, provided that the last one began at least `after` milliseconds ago;
   * otherwise returns false.
   */
  async #lookAgain(after: number): Promise<boolean> {
    if (this.#fetching === undefined && this.#age < after) return false;
    const limit = this.#failure === undefined ? patience.unknown : patience.afterFailure;
    // A token that comes late does not wait for an issuer that has been silent for as long as that.
    const left = this.#fetching === undefined ? limit : limit - this.#age;
    if (left > 0) await this.#fetchWithin(left);
    return true;
  }

  /** Fetches keys again that are old, and waits a moment for that: one of them may have been withdrawn. */
  async #renew(): Promise<void> {
    if (this.#age >= freshFor) this.#renewal = this.#fetchWithin(patience.renewal);
    await this.#renewal;
  }

  /** Waits at most so many milliseconds for the fetch, which goes on then. If there is none, starts one. */
  async #fetchWithin(milliseconds: number): Promise<void> {
    let cancel = () => {};
    const late = new Promise<void>(resolve => {
      cancel = this.#clock.schedule(milliseconds, resolve);
    });
    await Promise.race([this.#fetch(), late]);
    cancel();
  }

  /** There is no Retry-After: client-go would try ten times, without a word, although an issuer that is down stays so for longer. */
  #unavailable(): StatusError {
    const message =
      'the token cannot be checked: the OpenID Connect issuer does not answer this proxy; /-/readyz?verbose says why';
    return new StatusError(503, message);
  }

  /** Never rejects. Concurrent calls share one fetch. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchOnce(): Promise<void> {
    const { issuer, log } = this.#options;
    this.#asked = new Moment(this.#clock);
    try {
      const isFirst = this.#keys === undefined;
      const set = await this.#load();
      const keys = createLocalJWKSet(set);
      if (set.keys.length > mostKeys) throw new Error(`the issuer has more than ${mostKeys} keys`);
      this.#keys = keys;
      this.#keyNames = new Set(set.keys.map(({ kid }) => kid).filter(name => typeof name === 'string'));
      this.#failure = undefined;
      if (isFirst) log.info(`fetched the keys of the OpenID Connect issuer ${issuer}`);
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      const reason = error instanceof Error ? error.message : 'unknown';
      this.#failure = reason;
      if (this.#keys !== undefined) {
        log.warn(
          { reason, issuer },
          'the keys of the OpenID Connect issuer cannot be renewed; the last ones stay in use',
        );
        return;
      }
      log.warn(
        { reason, issuer },
        'cannot fetch the keys of the OpenID Connect issuer yet; its tokens get the answer 503',
      );
      this.#cancelRetry = this.#clock.schedule(retryInterval, () => void this.#fetch());
    }
  }

  async #load(): Promise<JSONWebKeySet> {
    const { issuer, discoveryUrl, certificateAuthority, names, dial } = this.#options;
    const authority = await loadCertificateAuthority(certificateAuthority, readWhole);
    if ('problems' in authority)
      throw new Error(`${names.certificateAuthority}: ${authority.problems.join('; ')}`);
    const dispatcher = createIssuerDispatcher(dial, authority.certificateAuthority);
    const get = async (url: URL) => {
      const { signal } = this.#closed;
      const answer = await askIssuer(url, { dispatcher, signal, authorityName: names.certificateAuthority });
      const object = answer.status === 200 ? parseObject(answer.text) : undefined;
      if (object === undefined)
        throw new Error(`${describeIssuer(url)} answered ${answer.status}, not 200 with a JSON object`);
      return object;
    };
    try {
      const usual = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const discovery = await get(new URL(discoveryUrl === '' ? usual : discoveryUrl));
      // OpenID Connect Discovery 1.0, section 4.3: the two must be exactly equal.
      if (discovery['issuer'] !== issuer) {
        throw new Error(`the discovery document is for another issuer; check ${names.issuer}`);
      }
      const { jwks_uri: uri } = discovery;
      if (typeof uri !== 'string' || !URL.canParse(uri) || new URL(uri).protocol !== 'https:') {
        throw new Error('the discovery document has no jwks_uri that is an https:// URL');
      }
      const keys = (await get(new URL(uri))) as unknown as JSONWebKeySet;
      this.discovery = discovery;
      return keys;
    } finally {
      void dispatcher.destroy();
    }
  }
}
