import { fieldValue } from '../../http/header-fields.js';
import { type Backoff, pauseAfter } from '../../lib/backoff.js';
import { Moment } from '../../lib/moment.js';
import type { TraceIds } from '../../observability/recorder.js';
import { ReplacedError } from '../../transport/access.js';
import type { BorrowedBytes } from '../../transport/borrowed-bytes.js';
import type { BodySink } from '../../transport/round-trip.js';
import type { SentRequest } from '../../transport/upstream-request.js';
import { EventReader, eventFormatOf } from './event-reader.js';
import type { Loss } from './metrics.js';
import type { AfterRefusal } from './senders.js';
import { TableEvents } from './table-events.js';
import { type AttemptOwner, type AttemptParts, WatchAttempt } from './watch-attempt.js';
import type { WatchEvent } from './watch-event.js';
import type { Sender, WatchToShare } from './watch-to-share.js';

/** The head of the response to a watch. */
export interface WatchHead {
  readonly statusCode: number;
  readonly statusMessage: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
}

/** How a watch ends for all its clients: like a watch that the API server ends, or with an error. */
export type Ending = 'end' | Error;

/** Receives the events of a watch. */
export interface WatchHandler {
  /** The version from which the watch begins, and continues after a loss. */
  readonly version: string;
  /** As whom the next request is sent. */
  readonly sender: Sender;
  /** The API server has sent the head of a response, the first one or one after a loss. */
  began(): void;
  /** Throws an Error for an event that it cannot use. */
  received(event: WatchEvent): void;
  /** All events that have been read so far have been passed on. */
  idle(): void;
  /** The API server has refused the sender, or does not answer. */
  refused(): AfterRefusal;
  /** The watch is to be opened again, after a loss or a refusal. It waits until this calls back; a later call may do nothing. */
  mayReopen(open: () => void): void;
  /** The watch continues after a loss. */
  resumed(loss: Loss): void;
  /** The watch is over: no more calls come. */
  ended(ending: Ending): void;
}

/** The request for a watch. */
type AskedWatch = Pick<WatchToShare, 'from' | 'api' | 'traces'>;

/** What a watch needs. */
export interface LastingWatchParts extends AttemptParts {
  /** At least 0 and less than 1. */
  readonly random: () => number;
}

/** The response, or an event in it, has a form that cannot be shared. */
export class UnsharableError extends Error {}

/** The statuses by which the API server says that a watch cannot continue. Each client then sends its own request, and gets the reason. */
const finalStatuses: ReadonlySet<number> = new Set([401, 403, 404, 410]);
/** The statuses by which the API server may refuse one user and accept another. */
const refusals: ReadonlySet<number> = new Set([403, 429]);
/** A lost watch must continue within this number of milliseconds, or it ends. */
export const resumeWithin = 30_000;
/** If a response has lasted at least this number of milliseconds, the next request is sent without delay. */
const steadyAfter = 5_000;
/** After a request that failed, so that the requests of many watches are spread. */
export const backoff: Backoff = { first: 100, most: 2_500, jitter: 1 };

/**
 * A watch that outlives its responses. If a response ends or breaks off, for example because the API server restarts, another request
 * continues from the last version, as client-go's `RetryWatcher` does. The new request may have another credential, but goes to the same
 * API server and acts as a user of those who share the watch.
 */
export class LastingWatch implements AttemptOwner, BodySink {
  readonly #parts: LastingWatchParts;
  readonly #request: AskedWatch;
  readonly #handler: WatchHandler;
  #attempt: WatchAttempt | undefined;
  /** Since when the last request is on its way. */
  since: Moment;
  /** What the last request was sent with; undefined before it was sent. */
  sentWith: SentRequest | undefined;
  #reader: EventReader | undefined;
  /** The Tables of all responses. */
  readonly #tables = new TableEvents();
  /** The head of the first response; undefined before it has come. */
  firstHead: WatchHead | undefined;
  contentType: string | undefined;
  /** When the last response began. */
  #opened: Moment | undefined;
  /** How the response was lost; undefined before the first response, and during a response. */
  #loss: Loss | undefined;
  /** The error of the last attempt; undefined while the next attempt waits for its response. */
  #failure: Error | undefined;
  #failures = 0;
  #isOver = false;
  /** Whether the current or next response is the last one. */
  #isLast = false;
  /** Whether reading is paused. */
  isPaused = false;
  #cancelRetry: () => void = () => {};
  #cancelDeadline: () => void = () => {};

  constructor(parts: LastingWatchParts, request: AskedWatch, handler: WatchHandler) {
    this.#parts = parts;
    this.#request = request;
    this.#handler = handler;
    this.since = new Moment(parts.clock);
  }

  start(): void {
    this.since = new Moment(this.#parts.clock);
    this.#failure = undefined;
    const { version, sender } = this.#handler;
    const { api, traces } = this.#request;
    this.#attempt = new WatchAttempt(
      this.#parts,
      { request: this.#request.from(version, sender), api, traces },
      this,
    );
    this.#attempt.start();
  }

  sent(sent: SentRequest): void {
    this.sentWith = sent;
  }

  /** The trace of the last request; undefined if it has none. */
  get traceIds(): TraceIds | undefined {
    return this.#attempt?.traceIds;
  }

  /** The columns of its Tables as JSON; undefined if there was none. */
  get columns(): Buffer | undefined {
    return this.#tables.columns;
  }

  /** Its Tables must have these columns. Until now it had none. */
  expectColumns(columns: Buffer | undefined): void {
    this.#tables.columns ??= columns;
  }

  /** Ends the watch: it has no clients any more. */
  stop(): void {
    this.#isOver = true;
    this.#cancelRetry();
    this.#cancelDeadline();
    this.#drop();
  }

  /** Whether the last response was lost and the watch has not continued yet. */
  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  /** From now on, the watch does not continue after a loss. */
  resumeNoMore(): void {
    this.#isLast = true;
    if (this.#loss !== undefined) this.#end(new Error('the cluster of the watch is no longer in use'));
  }

  /** Stops reading, so that the API server waits. This stays in force after a loss. */
  pause(): void {
    this.isPaused = true;
    this.#attempt?.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.#attempt?.resume();
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    const failure = new Error(`the API server answers ${statusCode}`);
    if (statusCode === 200) this.#begin({ statusCode, statusMessage, headers });
    else if (refusals.has(statusCode) && this.#refused(failure)) return this;
    else if (this.#loss === undefined || finalStatuses.has(statusCode)) this.#end('end');
    else this.#retry(failure);
    return this;
  }

  silent(): void {
    this.#refused(new Error('the API server does not answer in time'));
  }

  /** Sends the watch as another user, or ends it. Returns false if there is no other user. */
  #refused(error: Error): boolean {
    const next = this.#handler.refused();
    if (next === 'same') return false;
    this.#drop();
    this.#failure = error;
    if (next === 'another') this.#handler.mayReopen(this.#reopen);
    else this.#end(this.#loss === undefined ? 'end' : error);
    return true;
  }

  #begin(head: WatchHead): void {
    const contentType = fieldValue(head.headers, 'content-type');
    const format = eventFormatOf(head.headers);
    if (format === undefined || contentType !== (this.contentType ?? contentType)) {
      this.#end(new UnsharableError('the response has a form that cannot be shared'));
      return;
    }
    const loss = this.#loss;
    this.#loss = undefined;
    this.#cancelDeadline();
    this.#reader = new EventReader(format, this.#tables);
    this.contentType = contentType;
    this.#opened = new Moment(this.#parts.clock);
    if (loss !== undefined) this.#handler.resumed(loss);
    if (this.isPaused) this.#attempt?.pause();
    this.firstHead ??= head;
    this.#handler.began();
  }

  data(chunk: BorrowedBytes): void {
    if (this.#reader === undefined) return;
    try {
      this.#reader.read(chunk.view(), this.#onEvent);
    } catch (error) {
      this.#end(new UnsharableError('the watch has an event that cannot be shared', { cause: error }));
    }
  }

  /** An ERROR is always the last event, and all clients get it. In most cases it says that the version is too old. */
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
    this.#attempt = undefined;
    // The last events may have come in one read with the end. Then no call of `idle` follows them.
    this.idle();
    if (this.#isOver) return;
    if (this.#reader !== undefined) this.#beginToResume(loss);
    // If the API server or the user was replaced, each client sends its own request, or comes back with its version.
    if (error instanceof ReplacedError) this.#end('end');
    else if (this.#loss === undefined || this.#isLast) this.#end(error);
    else this.#retry(error);
  }

  #beginToResume(loss: Loss): void {
    if (this.#opened !== undefined && this.#opened.age >= steadyAfter) this.#failures = 0;
    this.#loss = loss;
    this.#reader = undefined;
    // The API server may also accept the request and never answer.
    this.#cancelDeadline = this.#parts.clock.schedule(resumeWithin, () =>
      this.#end(this.#failure ?? new Error('the API server did not let the watch continue in time')),
    );
  }

  #retry(error: Error): void {
    this.#drop();
    this.#failure = error;
    const { clock, random } = this.#parts;
    const delay = this.#failures === 0 ? 0 : pauseAfter(this.#failures, backoff, random);
    this.#failures += 1;
    this.#cancelRetry = clock.schedule(delay, () => this.#handler.mayReopen(this.#reopen));
  }

  readonly #reopen = (): void => {
    if (!this.#isOver) this.start();
  };

  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.stop();
    this.#handler.ended(ending);
  }

  #drop(): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    this.#reader = undefined;
    attempt?.abort();
  }
}
