import type { Question } from '../../reviews/reviews.js';
import { EventRing, type RingBudget } from './event-ring.js';
import { type Ending, LastingWatch, type LastingWatchParts, type WatchHandler } from './lasting-watch.js';
import type { Loss, ShareObserver } from './metrics.js';
import type { Rights } from './rights.js';
import { type AfterRefusal, Senders, senderKey } from './senders.js';
import type { Turns } from './turns.js';
import { compareVersions, type WatchEvent } from './watch-event.js';
import type { LocalApi, Sender, WatchToShare } from './watch-to-share.js';
import type { Watcher, WatchSource } from './watcher.js';

/** What all shared watches need. */
export interface SharedWatchParts extends LastingWatchParts {
  readonly budget: RingBudget;
  readonly turns: Turns;
  readonly observer: ShareObserver;
  readonly rights: Rights;
}

/** One watch at the API server whose events go to many clients. It closes when its last client has left. */
export class SharedWatch implements WatchHandler, WatchSource {
  readonly ring: EventRing;
  readonly api: LocalApi | undefined;
  /** Equal for all watches that clients of the same user have caused. */
  readonly causedBy: string;
  readonly #question: Question;
  readonly #senders: Senders;
  readonly #parts: SharedWatchParts;
  readonly upstream: LastingWatch;
  readonly #onEnd: (ending: Ending) => void;
  readonly #watchers = new Set<Watcher>();
  ending: Ending | undefined;
  /** The end of the ring when the watchers were last called. */
  #calledFor = 0;
  /**
   * The version from which the watch continued after its last loss. For older versions, new clients ask the API server: if it was restored
   * from a backup, it now has other events of these versions.
   */
  #continuedFrom = '0';
  #awaitsTurns = false;
  /** Opens a lost watch again. It waits for a client whose credential is still valid. */
  #reopen: (() => void) | undefined;

  /**
   * @param version The watch has the events after this version.
   * @param onEnd Called once, when nobody can join the watch any more.
   */
  constructor(
    parts: SharedWatchParts,
    request: WatchToShare,
    version: string,
    onEnd: (ending: Ending) => void,
  ) {
    this.#parts = parts;
    this.#onEnd = onEnd;
    this.#question = request.question;
    this.#senders = new Senders(request.sender);
    this.api = request.api;
    this.causedBy = senderKey(request.sender);
    this.ring = new EventRing(version, parts.budget);
    this.upstream = new LastingWatch(parts, request, this);
    parts.observer.watches(1);
  }

  /** Opens the watch. */
  start(): void {
    this.upstream.start();
  }

  /** Whether it has been opened once. */
  get isOpen(): boolean {
    return this.upstream.firstHead !== undefined;
  }

  /** The number of clients. */
  get size(): number {
    return this.#watchers.size;
  }

  get version(): string {
    return this.ring.current;
  }

  get sender(): Sender {
    return this.#senders.current;
  }

  /** Whether the user as whom it is sent may watch this. */
  get question(): Question {
    return { ...this.#question, as: this.sender.impersonation };
  }

  /** Whether clients that have had Tables with these columns, or none, can get the events of this watch: there were no others so far. */
  mayHaveColumns(columns: Buffer | undefined): boolean {
    const own = this.upstream.columns;
    return columns === undefined || own === undefined || own.equals(columns);
  }

  /** Whether this watch can give a client of this version all newer events. */
  serves(version: string): boolean {
    if (this.ending !== undefined || compareVersions(version, this.ring.floor) < 0) return false;
    // The version of a lost watch may be too old for the API server to continue it. A newer version may still be usable.
    return this.upstream.isLost
      ? compareVersions(version, this.version) === 0
      : this.isUnbrokenSince(version);
  }

  /** Whether the watch has not been lost since this version: all newer events are from one response. */
  isUnbrokenSince(version: string): boolean {
    return compareVersions(version, this.#continuedFrom) >= 0;
  }

  enter(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#reopenFor(watcher);
    if (this.upstream.isPaused) this.#keepPace();
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size === 0) this.close();
    else if (this.upstream.isPaused) this.#keepPace();
  }

  /** The watch ends with its current response. */
  resumeNoMore(): void {
    this.upstream.resumeNoMore();
  }

  /** Ends the watch. Its remaining clients are cut off. */
  close(): void {
    this.upstream.stop();
    if (this.ending === undefined) this.ended(new Error('the watch is no longer shared'));
    else if (this.#watchers.size === 0) this.ring.clear();
  }

  call(watcher: Watcher): void {
    this.#parts.turns.call(watcher);
    this.#parts.turns.run();
    this.#reopenFor(watcher);
    if (this.upstream.isPaused) this.#keepPace();
  }

  began(): void {
    this.#senders.accepted();
    this.#parts.rights.proven(this.question, this.upstream.since);
    this.ring.completeVersion();
    for (const watcher of this.#watchers) watcher.stateChanged();
  }

  received(event: WatchEvent): void {
    this.ring.append(event);
    this.#parts.observer.received();
  }

  idle(): void {
    if (this.#calledFor === this.ring.end) return;
    this.ring.latest = this.#calledFor;
    this.#calledFor = this.ring.end;
    this.#callAll();
    this.#keepPace();
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
    if (waits === this.upstream.isPaused) return;
    if (waits) this.upstream.pause();
    else this.upstream.resume();
  }

  get #isStuck(): boolean {
    for (const watcher of this.#watchers) if (!watcher.isPaused) return false;
    return this.#watchers.size > 0;
  }

  refused(): AfterRefusal {
    return this.#senders.refused(this.#watchers);
  }

  /**
   * Asks whether the clients' credentials, and their rights, are still valid. The watch is sent as the first one of which that is certain;
   * the others get no event before they have an answer. Without a client nothing is opened.
   */
  mayReopen(open: () => void): void {
    this.#reopen = open;
    for (const watcher of this.#watchers) {
      watcher.recheck();
      this.#reopenFor(watcher);
    }
    if (this.#watchers.size === 0) this.close();
  }

  #reopenFor(watcher: Watcher): void {
    if (this.#reopen === undefined || !this.#watchers.has(watcher) || !watcher.stay.isCertain) return;
    if (!this.#senders.take(watcher.sender)) return;
    const reopen = this.#reopen;
    this.#reopen = undefined;
    reopen();
  }

  resumed(loss: Loss): void {
    this.#continuedFrom = this.version;
    this.#parts.observer.resumed(loss);
  }

  ended(ending: Ending): void {
    if (this.ending !== undefined) return;
    this.ending = ending;
    this.#parts.observer.watches(-1);
    this.#onEnd(ending);
    if (this.#watchers.size === 0) this.ring.clear();
    for (const watcher of this.#watchers) watcher.stateChanged();
    this.#callAll();
  }

  /** Ends all clients now: the API server no longer serves the API of the watch itself. */
  expel(): void {
    this.upstream.stop();
    this.ended('end');
    for (const watcher of this.#watchers) if (watcher.hasBegun) watcher.end();
  }

  #callAll(): void {
    const { turns } = this.#parts;
    for (const watcher of this.#watchers) turns.call(watcher);
    turns.run();
  }
}
