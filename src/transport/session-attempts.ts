/** What has the sessions of one API server: a session is what requests are sent with at the moment, its credential above all. */
export interface Sessions<Session> {
  /** A promise only while there is no credential; it rejects with the reason. */
  session(): Session | Promise<Session>;
  /** The API server answered 401 to a request of this session. Resolves to a session with another credential, or to undefined; never rejects. */
  refused(session: Session): Promise<Session | undefined>;
}

/** A request that is sent with the session that it gets. */
export interface Attempt<Session> {
  /** Whether it is the client's own credential that goes upstream, so that a 401 says nothing of ours. */
  readonly bringsAuthorization: boolean;
  /** Sends the request. Called again when a 401 has brought another session. */
  sendWith(session: Session): void;
  /** There is no session, or sending threw. */
  fail(error: Error): void;
}

/** The attempts of one request: with the session of the moment, and once more after a 401. Both legs send by it. */
export class SessionAttempts<Session> {
  readonly #sessions: Sessions<Session>;
  readonly #attempt: Attempt<Session>;
  #session: Session | undefined;
  #isRenewed = false;

  constructor(sessions: Sessions<Session>, attempt: Attempt<Session>) {
    this.#sessions = sessions;
    this.#attempt = attempt;
  }

  /** Makes the first attempt, at once if there is a session. */
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
   * What a response means for the credential: for the first 401 about ours, whether there is another one to try, which is found out also
   * where the request cannot be sent again, for the next one's sake. Undefined for every other response.
   */
  renewal(statusCode: number): Promise<Session | undefined> | undefined {
    if (statusCode !== 401 || this.#isRenewed || this.#attempt.bringsAuthorization) return undefined;
    this.#isRenewed = true;
    return this.#sessions.refused(this.#session as Session);
  }
}
