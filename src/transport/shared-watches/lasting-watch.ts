import { fieldValue, hasField } from '../../http/header-fields.js';
import type { Clock } from '../../lib/clock.js';
import type { BorrowedBytes, BytesHolder } from '../borrowed-bytes.js';
import type { SessionRequest } from '../renew-on-401.js';
import type { BodySink, OutgoingRequest, ResponseSink, RoundTrip, RoundTripper } from '../round-trip.js';
import { createEventReader } from './event-reader.js';
import type { EventReader, WatchEvent } from './watch-event.js';
import type { Loss, WatchToShare } from './watch-to-share.js';

/** The head of the response to a watch. */
export interface WatchHead {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
}

/** How a watch ends for everybody: as one of the API server ends, or with an error. */
export type Ending = 'end' | Error;

/** Who gets the events of a watch. */
export interface WatchHandler {
  /** The version from which the watch goes on after a loss. */
  readonly version: string;
  /** The API server has begun to answer, for the first time or after a loss. */
  began(head: WatchHead): void;
  /** Throws an Error for an event that it does not understand. */
  received(event: WatchEvent): void;
  /** All events have come that have been read so far. */
  idle(): void;
  /** It goes on after a loss. */
  resumed(loss: Loss): void;
  /** Nothing more comes. */
  ended(ending: Ending): void;
}

/** What a watch is sent with. */
export interface LastingWatchParts<Session> {
  readonly roundTripper: RoundTripper<SessionRequest<Session>>;
  /** Milliseconds within which a lost watch goes on, or is over. */
  readonly resumeWithin: number;
  readonly clock: Clock;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** The response, or an event in it, has a form that nobody can share. */
export class UnsharableError extends Error {}

/** The statuses by which the API server says that a watch cannot go on. Its clients ask again, each for itself, and hear the reason. */
const finalStatuses: ReadonlySet<number> = new Set([401, 403, 404, 410]);
/** The reader of events keeps no bytes of a chunk. */
const nobody: BytesHolder = { holdsBytes: false };
/** Milliseconds that a response has to last so that the next one follows at once. */
const steadyAfter = 5_000;
const longestBackoff = 5_000;

/**
 * A watch that outlives its responses: when one ends or breaks off, as when the API server restarts, another one goes on from the last version,
 * as client-go's `RetryWatcher` does. The response may come with another credential, but from the same API server and for the same user.
 */
export class LastingWatch<Session> implements ResponseSink, BodySink, SessionRequest<Session> {
  readonly bringsAuthorization = false;
  readonly hasBody = false;
  readonly #parts: LastingWatchParts<Session>;
  readonly #request: Pick<WatchToShare<Session>, 'outgoing'>;
  readonly #handler: WatchHandler;
  #trip: RoundTrip | undefined;
  #reader: EventReader | undefined;
  #contentType: string | undefined;
  #openedAt = 0;
  /** How it was lost; undefined before it was opened, and while a response goes on. */
  #loss: Loss | undefined;
  /** What the last attempt has failed with; undefined while the next one waits for its response. */
  #failure: Error | undefined;
  #failures = 0;
  /** Why it must not be sent: the session of the moment leads elsewhere. */
  #refusal: Error | undefined;
  #isOver = false;
  /** Whether the response that it has, or waits for, is the last one. */
  #isLast = false;
  #isPaused = false;
  #cancelRetry: () => void = () => {};
  #cancelDeadline: () => void = () => {};

  constructor(
    parts: LastingWatchParts<Session>,
    request: Pick<WatchToShare<Session>, 'outgoing'>,
    handler: WatchHandler,
  ) {
    this.#parts = parts;
    this.#request = request;
    this.#handler = handler;
  }

  start(): void {
    this.#failure = undefined;
    this.#trip = this.#parts.roundTripper.send(this, this);
  }

  /** Nobody wants it any more. */
  stop(): void {
    this.#isOver = true;
    this.#cancelRetry();
    this.#cancelDeadline();
    this.#drop();
  }

  /** Whether it has to go on, and does not yet. */
  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** Sends no further request. */
  resumeNoMore(): void {
    this.#isLast = true;
    if (this.#loss !== undefined) this.#end(new Error('the cluster of the watch is no longer in use'));
  }

  /** Makes the API server wait, also after a loss. */
  pause(): void {
    this.#isPaused = true;
    this.#trip?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#trip?.resume();
  }

  forSession(session: Session): OutgoingRequest {
    try {
      return this.#request.outgoing(session, this.#handler.version);
    } catch (error) {
      this.#refusal = error as Error;
      throw error;
    }
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    const response = { statusCode, statusMessage, headers };
    if (statusCode === 200) this.#begin(response);
    else if (this.#loss === undefined || finalStatuses.has(statusCode)) this.#end('end');
    else this.#retry(new Error(`the API server answers ${statusCode}`));
    return this;
  }

  #begin(head: WatchHead): void {
    const contentType = fieldValue(head.headers, 'content-type');
    const reader = readerFor(head.headers);
    if (reader === undefined || contentType !== (this.#contentType ?? contentType)) {
      this.#end(new UnsharableError('the response has a form that cannot be shared'));
      return;
    }
    const loss = this.#loss;
    this.#loss = undefined;
    this.#cancelDeadline();
    this.#reader = reader;
    this.#contentType = contentType;
    this.#openedAt = this.#parts.clock.now();
    if (loss !== undefined) this.#handler.resumed(loss);
    if (this.#isPaused) this.#trip?.pause();
    this.#handler.began(head);
  }

  data(chunk: BorrowedBytes): void {
    if (this.#reader === undefined) return;
    try {
      this.#reader.read(chunk.keep(nobody), this.#onEvent);
    } catch (error) {
      this.#end(new UnsharableError('the watch has an event that cannot be understood', { cause: error }));
    }
  }

  /** An ERROR is the last event, and everybody gets it: the version is too old, above all. */
  readonly #onEvent = (event: WatchEvent): void => {
    if (this.#isOver) return;
    this.#handler.received(event);
    if (event.type === 'ERROR') this.#end('end');
  };

  idle(): void {
    if (this.#reader !== undefined) this.#handler.idle();
  }

  end(): void {
    this.#lose('ended', new Error('the API server ends the watch'));
  }

  error(error: Error): void {
    this.#lose('error', error);
  }

  #lose(loss: Loss, error: Error): void {
    this.#trip = undefined;
    if (this.#isOver) return;
    if (this.#reader !== undefined) this.#beginToResume(loss);
    // If it may not be sent at all, its clients send theirs by themselves: that is judged again for the session of the moment.
    if (this.#loss === undefined) this.#end(this.#refusal === undefined ? error : 'end');
    else if (this.#refusal !== undefined || this.#isLast) this.#end(error);
    else this.#retry(error);
  }

  #beginToResume(loss: Loss): void {
    const { clock, resumeWithin } = this.#parts;
    if (clock.now() - this.#openedAt >= steadyAfter) this.#failures = 0;
    this.#loss = loss;
    this.#reader = undefined;
    // An API server may also take the request and never answer.
    this.#cancelDeadline = clock.schedule(resumeWithin, () =>
      this.#end(this.#failure ?? new Error('the API server has not let the watch go on in time')),
    );
  }

  #retry(error: Error): void {
    this.#drop();
    this.#failure = error;
    const { clock, random } = this.#parts;
    const delay = backoff(this.#failures, random);
    this.#failures += 1;
    this.#cancelRetry = clock.schedule(delay, () => this.start());
  }

  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.stop();
    this.#handler.ended(ending);
  }

  #drop(): void {
    const trip = this.#trip;
    this.#trip = undefined;
    this.#reader = undefined;
    trip?.abort();
  }
}

/** A watch has no end that is known before: a response with a length is none. */
function readerFor(headers: readonly string[]): EventReader | undefined {
  return hasField(headers, 'content-length') ? undefined : createEventReader(headers);
}

/** Milliseconds before the next attempt after so many failures: none at first, then growing, and never the same for all watches. */
function backoff(failures: number, random: () => number): number {
  return failures === 0 ? 0 : Math.min(100 * 2 ** failures, longestBackoff) * (0.5 + random() / 2);
}
