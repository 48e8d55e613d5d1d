import { fieldValue, hasField } from '../../http/header-fields.js';
import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import { type AccessSource, ReplacedError } from '../../transport/access.js';
import type { BorrowedBytes } from '../../transport/borrowed-bytes.js';
import type { BodySink, ResponseSink } from '../../transport/round-trip.js';
import { UpstreamCall } from '../../transport/upstream-call.js';
import type { SentRequest } from '../../transport/upstream-request.js';
import { UnknownUserError } from './access-user.js';
import { createEventReader } from './event-reader.js';
import type { Loss } from './metrics.js';
import { TableEvents } from './table-events.js';
import type { EventReader, WatchEvent } from './watch-event.js';
import type { WatchToShare } from './watch-to-share.js';

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
  /** The version from which the watch continues after a loss; undefined during the initial events, where it ends then. */
  readonly version: string | undefined;
  /** The API server has sent the head of a response, the first one or one after a loss. */
  began(): void;
  /** Throws an Error for an event that it cannot use. */
  received(event: WatchEvent): void;
  /** All events that have been read so far have been passed on. */
  idle(): void;
  /** The watch is lost, and is to be opened again. It waits until this calls back; a later call may be too late, and does nothing then. */
  mayReopen(open: () => void): void;
  /** The watch continues after a loss. */
  resumed(loss: Loss): void;
  /** The watch is over: no more calls come. */
  ended(ending: Ending): void;
}

/** What a watch needs. */
export interface LastingWatchParts {
  readonly source: AccessSource;
  /** Called with the milliseconds from sending a request to the head of its response. */
  readonly onFirstByte: (milliseconds: number) => void;
  readonly clock: Clock;
  /** At least 0 and less than 1. */
  readonly random: () => number;
}

/** The response, or an event in it, has a form that cannot be shared. */
export class UnsharableError extends Error {}

/** The statuses by which the API server says that a watch cannot continue. Each client then sends its own request, and gets the reason. */
const finalStatuses: ReadonlySet<number> = new Set([401, 403, 404, 410]);
/** A lost watch must continue within this number of milliseconds, or it ends. */
export const resumeWithin = 30_000;
/** If a response has lasted at least this number of milliseconds, the next request is sent without delay. */
const steadyAfter = 5_000;
const longestBackoff = 5_000;

/**
 * A watch that outlives its responses. If a response ends or breaks off, for example because the API server restarts, another request
 * continues from the last version, as client-go's `RetryWatcher` does. The new request may have another credential, but goes to the same
 * API server and acts as the same user.
 */
export class LastingWatch implements ResponseSink, BodySink {
  readonly #parts: LastingWatchParts;
  readonly #request: Pick<WatchToShare, 'from'>;
  #handler: WatchHandler;
  #call: UpstreamCall | undefined;
  /** What the last request was sent with; undefined before it was sent. */
  sent: SentRequest | undefined;
  #reader: EventReader | undefined;
  /** The Tables of all responses. */
  readonly #tables = new TableEvents();
  /** The head of the first response; undefined before it has come. */
  firstHead: WatchHead | undefined;
  #contentType: string | undefined;
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

  constructor(parts: LastingWatchParts, request: Pick<WatchToShare, 'from'>, handler: WatchHandler) {
    this.#parts = parts;
    this.#request = request;
    this.#handler = handler;
  }

  start(): void {
    this.#failure = undefined;
    const { source, onFirstByte } = this.#parts;
    this.#call = new UpstreamCall(source, this.#request.from(this.#handler.version), this, {
      firstByte: onFirstByte,
      sent: sent => {
        this.sent = sent;
      },
    });
    this.#call.start();
  }

  /** The columns of its Tables as JSON; undefined if there was none. */
  get columns(): Buffer | undefined {
    return this.#tables.columns;
  }

  /** Another handler gets all further calls. */
  handOver(handler: WatchHandler): void {
    this.#handler = handler;
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
    this.#call?.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.#call?.resume();
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
    const reader = this.#readerFor(head.headers);
    if (reader === undefined || contentType !== (this.#contentType ?? contentType)) {
      this.#end(new UnsharableError('the response has a form that cannot be shared'));
      return;
    }
    const loss = this.#loss;
    this.#loss = undefined;
    this.#cancelDeadline();
    this.#reader = reader;
    this.#contentType = contentType;
    this.#opened = new Moment(this.#parts.clock);
    if (loss !== undefined) this.#handler.resumed(loss);
    if (this.isPaused) this.#call?.pause();
    this.firstHead ??= head;
    this.#handler.began();
  }

  /** Creates the reader for a response. A response with a Content-Length is not a watch, because the end of a watch is not known before. */
  #readerFor(headers: readonly string[]): EventReader | undefined {
    if (hasField(headers, 'content-length')) return undefined;
    return createEventReader(headers, this.#tables, this.#handler.version === undefined);
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
    this.#call = undefined;
    // The last events may have come in one read with the end. Then no call of `idle` follows them.
    this.idle();
    if (this.#isOver) return;
    if (this.#reader !== undefined) {
      if (this.#handler.version === undefined) {
        this.#end(loss === 'ended' ? 'end' : error);
        return;
      }
      this.#beginToResume(loss);
    }
    const isReplaced = error instanceof ReplacedError;
    // If the API server or the user was replaced, each client sends its own request.
    if (this.#loss === undefined) this.#end(isReplaced || error instanceof UnknownUserError ? 'end' : error);
    else if (isReplaced || this.#isLast) this.#end(error);
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
    const delay = backoff(this.#failures, random);
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
    const call = this.#call;
    this.#call = undefined;
    this.#reader = undefined;
    call?.abort();
  }
}

/**
 * Milliseconds before the next attempt after this number of failures: 0 at first, then growing. A random part spreads the attempts of many
 * watches.
 */
export function backoff(failures: number, random: () => number): number {
  return failures === 0 ? 0 : Math.min(100 * 2 ** failures, longestBackoff) * (0.5 + random() / 2);
}
