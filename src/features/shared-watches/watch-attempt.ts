import { fieldValue } from '../../http/header-fields.js';
import type { Clock } from '../../lib/clock.js';
import type { SharedTraces, TraceIds } from '../../observability/recorder.js';
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

/** What is asked for. */
interface Asked {
  readonly request: UpstreamRequest;
  /** What has to be confirmed before anybody gets the response. */
  readonly api: LocalApi | undefined;
  readonly traces: SharedTraces | undefined;
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
  /** Undefined if nothing traces, and at the end. */
  #recording: ReturnType<SharedTraces['begin']> | undefined;
  /** The status of the response; 0 before it has come. */
  #code = 0;
  #withheld: HeldResponse | undefined;
  #isPaused = false;
  #isOver = false;
  #cancelSilence: () => void = () => {};

  constructor(
    { source, onFirstByte, clock }: AttemptParts,
    { request, api, traces }: Asked,
    owner: AttemptOwner,
  ) {
    this.#owner = owner;
    this.#api = api;
    const recording = traces?.begin();
    this.#recording = recording;
    const headers = recording && [...request.headers, ...recording.trace.fields];
    this.#call = new UpstreamCall(source, headers === undefined ? request : { ...request, headers }, this, {
      firstByte: onFirstByte,
      phases: recording?.trace.phases,
      sent: sent => {
        recording?.sentAs(sent.user, sent.host);
        this.#awaitHead(clock);
        owner.sent(sent);
      },
    });
  }

  /** Undefined if it is in no trace. */
  get traceIds(): TraceIds | undefined {
    return this.#recording?.trace.ids;
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
    this.#recorded();
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    this.#cancelSilence();
    this.#code = statusCode;
    if (this.#recording !== undefined) {
      this.#recording.answered?.(statusCode, fieldValue(headers, 'audit-id'));
      if (statusCode === 200) this.#recording.started(statusCode);
    }
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
    else if (ending !== undefined) this.end();
    else if (!this.#isPaused) this.#call.resume();
  }

  end(): void {
    if (this.#withheld !== undefined) this.#withheld.ending = 'whole';
    else if (!this.#isOver) {
      this.#over();
      this.#recorded();
      this.#owner.end();
    }
  }

  error(error: Error): void {
    if (this.#withheld !== undefined) this.#withheld.ending = error;
    else if (!this.#isOver) {
      this.#over();
      this.#recorded(error);
      this.#owner.error(error);
    }
  }

  #recorded(error?: Error): void {
    this.#recording?.completed(this.#code, error);
    this.#recording = undefined;
  }

  #over(): void {
    this.#isOver = true;
    this.#withheld = undefined;
    this.#cancelSilence();
  }
}
