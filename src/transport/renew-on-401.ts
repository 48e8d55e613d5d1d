import { type BorrowedBytes, ownBytes } from './borrowed-bytes.js';
import { ForwardingTrip } from './forwarding-trip.js';
import type { BodySink, OutgoingRequest, ResponseSink, RoundTripper } from './round-trip.js';
import { type Attempt, SessionAttempts, type Sessions } from './session-attempts.js';
import { toUpstreamError } from './upstream-error.js';

/** What this wrapper needs of a session. */
interface SendingSession {
  /** `host:port` of the API server, as in its URL. */
  readonly host: string;
  readonly roundTripper: RoundTripper;
}

/** A request before it is known with which session it is sent. */
export interface SessionRequest<Session> {
  readonly bringsAuthorization: boolean;
  /** Whether it has a body, which can be sent once only. */
  readonly hasBody: boolean;
  /** The request as it is sent with this session. Throws if it must not be sent there: the endpoint may have been replaced meanwhile. */
  forSession(session: Session): OutgoingRequest;
}

/** What this wrapper is made of. */
interface RenewalParts<Session> {
  readonly sessions: Sessions<Session>;
  /** Milliseconds from sending a request to the head of its response, for each attempt. */
  readonly onFirstByte: (milliseconds: number) => void;
}

/**
 * Sends requests with the session of the moment, and again, once, with another credential after a 401, while their clients wait. A request
 * that was refused has changed nothing, whatever its method; but a body is gone. Errors of the connection become UpstreamErrors.
 */
export function renewOn401<Session extends SendingSession>(
  parts: RenewalParts<Session>,
): RoundTripper<SessionRequest<Session>> {
  return { send: (request, sink) => new RenewingTrip(parts, request, sink).start() };
}

/** A 401 while another credential is looked for. */
interface WithheldResponse {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: string[];
  readonly chunks: Buffer[];
  /** How it ended, if it has: with trailers or with an error. */
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
  /** Where the rest of a response goes that was withheld. */
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
      return super.head(statusCode, statusMessage, headers);
    }
    const response = { statusCode, statusMessage, headers, chunks: [] };
    this.#withheld = response;
    this.inner?.pause();
    renewal.then(next => this.#onRenewal(next, response)).catch(error => this.#onThrow(error));
    return this;
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

  /** There is no other credential: the 401 is the response. */
  #release({ statusCode, statusMessage, headers, chunks, end }: WithheldResponse): void {
    const body = super.head(statusCode, statusMessage, headers);
    this.#released = body;
    for (const chunk of chunks) body.data(ownBytes(chunk));
    if (Array.isArray(end)) super.end(end);
    else if (end !== undefined) this.error(end);
    else {
      body.idle();
      this.inner?.resume();
    }
  }

  /** The sink cannot take what it was given late. */
  #onThrow(error: Error): void {
    super.abort();
    this.error(error);
  }
}
