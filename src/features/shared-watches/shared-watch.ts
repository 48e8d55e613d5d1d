import { fieldValue } from '../../http/header-fields.js';
import { Moment } from '../../lib/moment.js';
import type { TraceIds } from '../../observability/recorder.js';
import type { Question } from '../../reviews/reviews.js';
import { ReplacedError } from '../../transport/access.js';
import type { BorrowedBytes } from '../../transport/borrowed-bytes.js';
import type { BodySink } from '../../transport/round-trip.js';
import type { SentRequest } from '../../transport/upstream-request.js';
import { type Ending, LostError, RefusedError, UnsharableError } from './ending.js';
import { EventReader, eventFormatOf } from './event-reader.js';
import { EventRing, type RingBudget } from './event-ring.js';
import type { ShareObserver } from './metrics.js';
import type { Rights } from './rights.js';
import { TableEvents } from './table-events.js';
import type { Turns } from './turns.js';
import { type AttemptOwner, type AttemptParts, WatchAttempt } from './watch-attempt.js';
import { compareVersions, type WatchEvent } from './watch-event.js';
import { type LocalApi, senderKey, type WatchToShare } from './watch-to-share.js';
import type { Watcher, WatchHead, WatchSource } from './watcher.js';

/** What all shared watches need. */
export interface SharedWatchParts extends AttemptParts {
  /** At least 0 and less than 1. */
  readonly random: () => number;
  readonly budget: RingBudget;
  readonly turns: Turns;
  readonly observer: ShareObserver;
  readonly rights: Rights;
}

/** One watch at the API server whose events go to many clients. It ends with its response, and closes when its last client has left. */
export class SharedWatch implements AttemptOwner, BodySink, WatchSource {
  /** As that of the clients that can share it. */
  readonly key: string;
  readonly ring: EventRing;
  readonly api: LocalApi | undefined;
  /** As whom it is sent, by `senderKey`. */
  readonly sentAs: string;
  /** Since when the request is on its way. */
  since: Moment;
  /** Whether the user as whom it is sent may watch this. */
  readonly question: Question;
  /** From 0 to 1, and the same for all its clients: they come back together after a loss, and so with one request. */
  readonly jitter: number;
  /** The head of the response; undefined before it has come. */
  answer: WatchHead | undefined;
  contentType: string | undefined;
  /** What the request was sent with; undefined before it was sent. */
  sentWith: SentRequest | undefined;
  ending: Ending | undefined;
  readonly #parts: SharedWatchParts;
  readonly #attempt: WatchAttempt;
  readonly #onEnd: (ending: Ending) => void;
  readonly #watchers = new Set<Watcher>();
  readonly #tables = new TableEvents();
  #reader: EventReader | undefined;
  /** The end of the ring when the watchers were last called. */
  #calledFor = 0;
  #awaitsTurns = false;
  /** Whether reading is paused, so that the API server waits. */
  #isPaused = false;

  /**
   * @param version The watch has the events after this version.
   * @param onEnd Called once, when nobody can join the watch any more.
   */
  constructor(
    parts: SharedWatchParts,
    { key, sender, api, question, from, traces }: WatchToShare,
    version: string,
    onEnd: (ending: Ending) => void,
  ) {
    this.#parts = parts;
    this.#onEnd = onEnd;
    this.key = key;
    this.api = api;
    this.question = question;
    this.sentAs = senderKey(sender);
    this.jitter = parts.random();
    this.ring = new EventRing(version, parts.budget);
    this.since = new Moment(parts.clock);
    this.#attempt = new WatchAttempt(parts, from(version), traces, this);
    parts.observer.watches(1);
  }

  /** Opens the watch. */
  start(): void {
    this.since = new Moment(this.#parts.clock);
    this.#attempt.start();
  }

  /** Whether the API server has begun to send it. */
  get isOpen(): boolean {
    return this.answer !== undefined;
  }

  /** The number of clients. */
  get size(): number {
    return this.#watchers.size;
  }

  /** The trace of the request; undefined if it has none. */
  get traceIds(): TraceIds | undefined {
    return this.#attempt.traceIds;
  }

  /** The columns of its Tables as JSON; undefined if there was none. */
  get columns(): Buffer | undefined {
    return this.#tables.columns;
  }

  /** Whether clients that have had Tables with these columns, or none, can get the events of this watch: there were no others so far. */
  mayHaveColumns(columns: Buffer | undefined): boolean {
    return columns === undefined || this.columns === undefined || this.columns.equals(columns);
  }

  /** Its Tables must have these columns. Until now it had none. */
  expectColumns(columns: Buffer | undefined): void {
    this.#tables.columns ??= columns;
  }

  /** Whether this watch can give a client of this version all newer events. */
  serves(version: string): boolean {
    return this.ending === undefined && compareVersions(version, this.ring.floor) >= 0;
  }

  enter(watcher: Watcher): void {
    this.#watchers.add(watcher);
    if (this.#isPaused) this.#keepPace();
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.close();
    else if (this.#isPaused) this.#keepPace();
  }

  /** Ends the watch. Its remaining clients are cut off. */
  close(): void {
    if (this.ending === undefined) this.#end(new Error('the watch is no longer shared'));
    else if (this.#watchers.size === 0) this.ring.clear();
  }

  call(watcher: Watcher): void {
    this.#parts.turns.call(watcher);
    this.#parts.turns.run();
    if (this.#isPaused) this.#keepPace();
  }

  sent(sent: SentRequest): void {
    this.sentWith = sent;
  }

  silent(): void {
    const others = [...this.#watchers].filter(({ user }) => user !== this.sentAs);
    // They may be answered.
    if (others.length > 0) this.#end(new RefusedError(this.sentAs));
  }

  head(statusCode: number, statusMessage: string, headers: string[]): BodySink {
    const format = eventFormatOf(headers);
    if (statusCode !== 200) this.#end(new RefusedError(this.sentAs, statusCode));
    else if (format === undefined)
      this.#end(new UnsharableError('the response has a form that cannot be shared'));
    else {
      this.#reader = new EventReader(format, this.#tables);
      this.contentType = fieldValue(headers, 'content-type');
      const begin = () => this.#begin({ statusCode, statusMessage, headers });
      const isLocal = this.api?.confirm() ?? true;
      if (isLocal === true) begin();
      // Otherwise another server may have answered, to this user alone. Until it is known, the events are kept, and nobody gets them.
      else isLocal.then(yes => (yes ? begin() : this.#end('end')));
    }
    return this;
  }

  #begin(answer: WatchHead): void {
    if (this.ending !== undefined) return;
    this.answer = answer;
    this.#parts.rights.proven(this.question, this.since);
    for (const watcher of this.#watchers) watcher.stateChanged();
  }

  data(chunk: BorrowedBytes): void {
    if (this.ending !== undefined) return;
    try {
      this.#reader?.read(chunk.view(), this.#onEvent);
    } catch (error) {
      this.#end(new UnsharableError('the watch has an event that cannot be shared', { cause: error }));
    }
  }

  /** An ERROR is always the last event, and all clients get it. In most cases it says that the version is too old. */
  readonly #onEvent = (event: WatchEvent): void => {
    if (this.ending !== undefined) return;
    this.ring.append(event);
    this.#parts.observer.received();
    if (event.type === 'ERROR') this.#end('end');
  };

  idle(): void {
    if (this.#calledFor === this.ring.end) return;
    this.ring.latest = this.#calledFor;
    this.#calledFor = this.ring.end;
    this.#callAll();
    this.#keepPace();
  }

  end(): void {
    this.#lose(new LostError('ended'));
  }

  error(error: Error): void {
    if (error instanceof ReplacedError) this.#lose('end');
    else this.#lose(this.isOpen ? new LostError('error', error) : error);
  }

  #lose(ending: Ending): void {
    // The last events may have come in one read with the end. Then no call of `idle` follows them.
    this.idle();
    this.#end(ending);
  }

  #end(ending: Ending): void {
    if (this.ending !== undefined) return;
    this.ending = ending;
    this.#attempt.abort();
    this.#parts.observer.watches(-1);
    this.#onEnd(ending);
    if (this.#watchers.size === 0) this.ring.clear();
    for (const watcher of this.#watchers) watcher.stateChanged();
    this.#callAll();
  }

  #callAll(): void {
    const { turns } = this.#parts;
    for (const watcher of this.#watchers) turns.call(watcher);
    turns.run();
  }

  /**
   * Pauses reading while clients wait for their turns, and while no client accepts more. Otherwise the ring would drop events that no
   * client has had yet, to make room for new ones. A single slower client does not pause it.
   */
  #keepPace(): void {
    const { turns } = this.#parts;
    if (turns.isBehind && !this.#awaitsTurns) {
      this.#awaitsTurns = true;
      turns.whenDone(() => {
        this.#awaitsTurns = false;
        this.#keepPace();
      });
    }
    const waits = this.#awaitsTurns || this.#isStuck;
    if (waits === this.#isPaused) return;
    this.#isPaused = waits;
    if (waits) this.#attempt.pause();
    else this.#attempt.resume();
  }

  get #isStuck(): boolean {
    for (const watcher of this.#watchers) if (!watcher.isPaused) return false;
    return this.#watchers.size > 0;
  }
}
