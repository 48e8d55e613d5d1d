import { type BorrowedBytes, ownBytes } from './borrowed-bytes.js';
import { ForwardingTrip } from './forwarding-trip.js';
import type { BodySink, OutgoingRequest, ResponseSink, RoundTripper } from './round-trip.js';
import { type Attempt, type CredentialUse, SessionAttempts, type Sessions } from './session-attempts.js';
import { toUpstreamError } from './upstream-error.js';

/** What this wrapper needs from a session. */
interface SendingSession {
  /** `host:port` of the API server, as in its URL. */
  readonly host: string;
  readonly roundTripper: RoundTripper;
}

/** A request whose session is not chosen yet. */
export interface SessionRequest<Session> extends CredentialUse {
  /** Whether it has a body. A body can be sent only once. */
  readonly hasBody: boolean;
  /**
   * The request in the form for this session. Throws an error if it must not be sent there, because the endpoint may have been replaced in
   * the meantime.
   */
  forSession(session: Session): OutgoingRequest;
}

/** What this wrapper needs. */
interface RenewalParts<Session> {
  readonly sessions: Sessions<Session>;
  /** Called for each attempt with the milliseconds from sending the request to the head of the response. */
  readonly onFirstByte: (milliseconds: number) => void;
}

/**
 * Sends each request with the current session. After a 401 it looks for another credential and sends the request once more with it, while
 * the client waits. A rejected request has changed nothing, whatever its method is; but a request with a body cannot be sent again.
 * Connection errors become UpstreamErrors, and so does a 401 that the client must not see.
 */
export function renewOn401<Session extends SendingSession>(
  parts: RenewalParts<Session>,
): RoundTripper<SessionRequest<Session>> {
  return { send: (request, sink) => new RenewingTrip(parts, request, sink).start() };
}

/** A 401 response that waits while another credential is looked for. */
interface WithheldResponse {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: string[];
  readonly chunks: Buffer[];
  /** The trailers if it ended, or its error; undefined before its end. */
  end?: string[] | Error;
}

class RenewingTrip<Session extends SendingSession>
  extends ForwardingTrip
  implements Attempt<Session>, BodySink
{
  readonly #onFirstByte: (milliseconds: number) => void;
  readonly #request: SessionRequest<Session>;
  readonly #attempts: SessionAttempts<Session>;
  #host = '';
  #sentAt = 0;
  #withheld: WithheldResponse | undefined;
  /** Receives the rest of a withheld response. */
  #released: BodySink | undefined;
  #isAborted = false;

  constructor(
    { sessions, onFirstByte }: RenewalParts<Session>,
    request: SessionRequest<Session>,
    sink: ResponseSink,
  ) {
    super(sink);
    this.#onFirstByte = onFirstByte;
    this.#request = request;
    this.#attempts = new SessionAttempts(sessions, this);
  }

  start(): this {
    this.#attempts.start();
    return this;
  }

  get bringsAuthorization(): boolean {
    return this.#request.bringsAuthorization;
  }

  get hidesRefusal(): boolean {
    return this.#request.hidesRefusal;
  }

  sendWith(session: Session): void {
    if (this.#isAborted) return;
    this.#host = session.host;
    this.#sentAt = performance.now();
    this.inner = session.roundTripper.send(this.#request.forSession(session), this);
  }

  fail(error: Error): void {
    if (!this.#isAborted) super.error(error);
  }

  override head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    this.#onFirstByte(performance.now() - this.#sentAt);
    const renewal = this.#attempts.renewal(statusCode);
    if (renewal === undefined || this.#request.hasBody) {
      return this.#deliver(statusCode, statusMessage, headers);
    }
    const response = { statusCode, statusMessage, headers, chunks: [] };
    this.#withheld = response;
    this.inner?.pause();
    renewal.then(next => this.#onRenewal(next, response)).catch(error => this.#onThrow(error));
    return this;
  }

  /** Gives the client the head, or throws the error that it gets instead. */
  #deliver(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    const refusal = this.#attempts.refusal(statusCode, headers);
    if (refusal !== undefined) throw refusal;
    return super.head(statusCode, statusMessage, headers);
  }

  data(chunk: BorrowedBytes): void {
    if (this.#withheld === undefined) this.#released?.data(chunk);
    else this.#withheld.chunks.push(chunk.copy());
  }

  idle(): void {
    this.#released?.idle();
  }

  override end(trailers: string[]): void {
    this.inner = undefined;
    if (this.#withheld === undefined) super.end(trailers);
    else this.#withheld.end = trailers;
  }

  override error(error: Error): void {
    this.inner = undefined;
    if (this.#withheld === undefined) super.error(toUpstreamError(error, this.#host));
    else this.#withheld.end = error;
  }

  override abort(): void {
    this.#isAborted = true;
    super.abort();
  }

  #onRenewal(next: Session | undefined, response: WithheldResponse): void {
    this.#withheld = undefined;
    if (this.#isAborted) return;
    if (next === undefined) this.#release(response);
    else {
      super.abort();
      this.#attempts.send(next);
    }
  }

  /** No other credential was found. */
  #release({ statusCode, statusMessage, headers, chunks, end }: WithheldResponse): void {
    const body = this.#deliver(statusCode, statusMessage, headers);
    this.#released = body;
    for (const chunk of chunks) body.data(ownBytes(chunk));
    if (Array.isArray(end)) super.end(end);
    else if (end !== undefined) this.error(end);
    else {
      body.idle();
      this.inner?.resume();
    }
  }

  /** The client gets an error instead of the late response, or its sink threw one. */
  #onThrow(error: Error): void {
    super.abort();
    this.error(error);
  }
}
