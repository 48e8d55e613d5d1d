import { fieldValue } from '../../http/header-fields.js';
import type { Clock } from '../../lib/clock.js';
import type { SharedTraces, TraceIds } from '../../observability/recorder.js';
import type { AccessSource } from '../../transport/access.js';
import type { BodySink, ResponseSink } from '../../transport/round-trip.js';
import { UpstreamCall } from '../../transport/upstream-call.js';
import type { SentRequest, UpstreamRequest } from '../../transport/upstream-request.js';

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

/** The request for a watch that clients share. It ends with its response, or when it is aborted: then its owner gets no more calls. */
export class WatchAttempt implements ResponseSink {
  readonly #owner: AttemptOwner;
  readonly #call: UpstreamCall;
  /** Undefined if nothing traces, and at the end. */
  #recording: ReturnType<SharedTraces['begin']> | undefined;
  /** The status of the response; 0 before it has come. */
  #code = 0;
  #isOver = false;
  #cancelSilence: () => void = () => {};

  constructor(
    { source, onFirstByte, clock }: AttemptParts,
    request: UpstreamRequest,
    traces: SharedTraces | undefined,
    owner: AttemptOwner,
  ) {
    this.#owner = owner;
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
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#call.abort();
    this.#over();
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    this.#cancelSilence();
    this.#code = statusCode;
    this.#recording?.answered?.(statusCode, fieldValue(headers, 'audit-id'));
    if (statusCode === 200) this.#recording?.started(statusCode);
    return this.#owner.head(statusCode, statusMessage, headers);
  }

  end(): void {
    if (this.#isOver) return;
    this.#over();
    this.#owner.end();
  }

  error(error: Error): void {
    if (this.#isOver) return;
    this.#over(error);
    this.#owner.error(error);
  }

  #over(error?: Error): void {
    this.#isOver = true;
    this.#cancelSilence();
    this.#recording?.completed(this.#code, error);
    this.#recording = undefined;
  }
}
