import type { Clock } from '../../lib/clock.js';
import { type AccessSource, ReplacedError } from '../../transport/access.js';
import { HeldResponse } from '../../transport/held-response.js';
import type { BodySink, ResponseSink } from '../../transport/round-trip.js';
import { UpstreamCall } from '../../transport/upstream-call.js';
import type { SentRequest, UpstreamRequest } from '../../transport/upstream-request.js';
import type { LocalApi } from './watch-to-share.js';

/** What all attempts need. */
export interface AttemptParts {
  readonly source: AccessSource;
  /** Called with the milliseconds from sending a request to the head of its response. */
  readonly onFirstByte: (milliseconds: number) => void;
  readonly clock: Clock;
}

/** Gets the response, as a sink does. */
export interface AttemptOwner extends ResponseSink {
  sent(sent: SentRequest): void;
  /** The API server has not answered for `patience` again. The attempt goes on, unless it is aborted. */
  silent(): void;
}

/** For how many milliseconds an API server may be silent before a watch is sent as another user. */
const patience = 2_000;

/** One request for a watch that clients share. It ends with its response, or when it is aborted: then its owner gets no more calls. */
export class WatchAttempt implements ResponseSink {
  readonly #owner: AttemptOwner;
  readonly #api: LocalApi | undefined;
  readonly #call: UpstreamCall;
  #withheld: HeldResponse | undefined;
  #isPaused = false;
  #isOver = false;
  #cancelSilence: () => void = () => {};

  /** @param api What has to be confirmed before anybody gets the response. */
  constructor(
    { source, onFirstByte, clock }: AttemptParts,
    request: UpstreamRequest,
    api: LocalApi | undefined,
    owner: AttemptOwner,
  ) {
    this.#owner = owner;
    this.#api = api;
    this.#call = new UpstreamCall(source, request, this, {
      firstByte: onFirstByte,
      sent: sent => {
        this.#awaitHead(clock);
        owner.sent(sent);
      },
    });
  }

  /** Others may join meanwhile, so it is said again and again. */
  #awaitHead(clock: Clock): void {
    this.#cancelSilence();
    this.#cancelSilence = clock.schedule(patience, () => {
      this.#awaitHead(clock);
      this.#owner.silent();
    });
  }

  start(): void {
    this.#call.start();
  }

  pause(): void {
    this.#isPaused = true;
    this.#call.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#withheld === undefined) this.#call.resume();
  }

  abort(): void {
    this.#over();
    this.#call.abort();
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    this.#cancelSilence();
    const isLocal = statusCode === 200 && this.#api !== undefined ? this.#api.confirm() : true;
    if (isLocal === true) return this.#owner.head(statusCode, statusMessage, headers);
    const withheld = new HeldResponse(statusCode, statusMessage, headers);
    this.#withheld = withheld;
    this.#call.pause();
    isLocal.then(yes => this.#release(withheld, yes));
    return withheld;
  }

  /** Passes the response on if it comes from the API server itself. Otherwise another server may have answered, to this sender alone. */
  #release(withheld: HeldResponse, isLocal: boolean): void {
    if (this.#isOver) return;
    this.#withheld = undefined;
    if (!isLocal) {
      this.abort();
      this.#owner.error(new ReplacedError());
      return;
    }
    const { statusCode, statusMessage, headers } = withheld;
    try {
      withheld.releaseTo(this.#owner.head(statusCode, statusMessage, headers));
    } catch (error) {
      this.abort();
      this.#owner.error(error as Error);
      return;
    }
    const { ending } = withheld;
    if (ending instanceof Error) this.error(ending);
    else if (ending !== undefined) this.end(ending);
    else if (!this.#isPaused) this.#call.resume();
  }

  end(trailers: string[]): void {
    if (this.#withheld !== undefined) this.#withheld.ending = trailers;
    else if (!this.#isOver) {
      this.#over();
      this.#owner.end(trailers);
    }
  }

  error(error: Error): void {
    if (this.#withheld !== undefined) this.#withheld.ending = error;
    else if (!this.#isOver) {
      this.#over();
      this.#owner.error(error);
    }
  }

  #over(): void {
    this.#isOver = true;
    this.#withheld = undefined;
    this.#cancelSilence();
  }
}
