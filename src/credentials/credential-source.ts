import { StatusError } from '../kubernetes/status.js';
import type { Credential } from './credential.js';

/** Where credentials come from: the `source` label of metrics. */
export type CredentialSourceName = 'static' | 'exec' | 'oidc';

/**
 * Credentials over time. A source renews them by itself and in the background, so that `get` answers at once whenever
 * it has something to answer with; the same object is given for as long as nothing changes. Before the first `get` it
 * does and reports nothing, so that one that is made and not taken into use leaves no trace.
 */
export interface CredentialSource {
  readonly name: CredentialSourceName;
  /**
   * What to send with a request now. A promise only while there is none to send: before the first one, or when the last
   * one has expired; it is shared by all who wait. Rejects with a CredentialError when none can be had.
   */
  get(): Credential | Promise<Credential>;
  /** When what `get` gives now is no longer given, in milliseconds since 1970; Infinity when nothing says so. */
  readonly endsAt: number;
  /**
   * The API server answered 401 to a request with this credential. Resolves to one that is worth another try, or to
   * undefined when there is none. Never rejects. A stale refusal (the credential was replaced meanwhile) costs nothing,
   * and one that stays refused is renewed ever less often.
   */
  refused(credential: Credential): Promise<Credential | undefined>;
  /**
   * Stops timers and running work, and takes back what it reported of its expiry; what was given stays usable. Who
   * waits for a credential may be told that there is none.
   */
  close(): void;
}

/** No credential can be had: a 503 that says why, without a secret. */
export class CredentialError extends StatusError {
  constructor(message: string, options?: ErrorOptions) {
    super(503, message, options);
  }
}

/** What a source reports, for metrics and the log; a message holds no secret. */
export interface CredentialEvents {
  refreshed(source: CredentialSourceName, result: 'success' | 'failure'): void;
  /** When the credential in use expires; undefined when that is not known. */
  expires(source: CredentialSourceName, at: Date | undefined): void;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}
