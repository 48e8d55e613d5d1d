import { hasField } from '../http/header-fields.js';
import { refusedCredential, type UpstreamError } from './upstream-error.js';

/** Provides the sessions of one API server. A session is what requests are currently sent with, above all the credential. */
export interface Sessions<Session> {
  /** The current session; a promise only while there is no credential. The promise rejects with the reason. */
  session(): Session | Promise<Session>;
  /**
   * The API server answered 401 to a request of this session. Resolves to a session with another credential, or to undefined if there is
   * none. Never rejects.
   */
  refused(session: Session): Promise<Session | undefined>;
}

/** What a 401 to a request means. */
export interface CredentialUse {
  /** Whether the client's own credential is sent to the API server. Then a 401 says nothing about the proxy's credential. */
  readonly bringsAuthorization: boolean;
  /**
   * Whether a 401 about the proxy's credential becomes an error. Callers who have authenticated to the proxy would take it for a refusal of
   * their own credential.
   */
  readonly hidesRefusal: boolean;
}

/**
 * A field of the answers to requests that the API server has authenticated (its priority and fairness filter comes later). A 401 with it is
 * that of an aggregated API.
 */
const authenticatedField = 'x-kubernetes-pf-flowschema-uid';

/** A request that is sent with the session it gets. */
export interface Attempt<Session> extends CredentialUse {
  /** Sends the request. Called again if a 401 has led to another session. */
  sendWith(session: Session): void;
  /** There is no session, or `sendWith` threw an error. */
  fail(error: Error): void;
}

/** The attempts of one request: one with the current session, and one more after a 401. Plain requests and upgrades both use it. */
export class SessionAttempts<Session> {
  readonly #sessions: Sessions<Session>;
  readonly #attempt: Attempt<Session>;
  #session: Session | undefined;
  #isRenewed = false;

  constructor(sessions: Sessions<Session>, attempt: Attempt<Session>) {
    this.#sessions = sessions;
    this.#attempt = attempt;
  }

  /** Makes the first attempt, without delay if there is a session. */
  start(): void {
    const session = this.#sessions.session();
    if (!(session instanceof Promise)) this.send(session);
    else session.then(late => this.send(late)).catch(error => this.#attempt.fail(error));
  }

  /** Makes an attempt. */
  send(session: Session): void {
    this.#session = session;
    try {
      this.#attempt.sendWith(session);
    } catch (error) {
      this.#attempt.fail(error as Error);
    }
  }

  /**
   * For the first 401 about the proxy's credential: resolves to a session with another credential, or to undefined if there is none.
   * Another credential is looked for even if this request cannot be sent again, because the next request needs it. Returns undefined for
   * every other response.
   */
  renewal(statusCode: number): Promise<Session | undefined> | undefined {
    if (statusCode !== 401 || this.#isRenewed || this.#attempt.bringsAuthorization) return undefined;
    this.#isRenewed = true;
    return this.#sessions.refused(this.#session as Session);
  }

  /**
   * The error that the client gets instead of a response that no renewal follows; undefined if the client gets the response.
   *
   * @param headers Name, value, name, value, …
   */
  refusal(statusCode: number, headers: readonly string[]): UpstreamError | undefined {
    if (statusCode !== 401 || !this.#attempt.hidesRefusal) return undefined;
    return hasField(headers, authenticatedField) ? undefined : refusedCredential();
  }
}
