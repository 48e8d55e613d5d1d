import { EventRing, type RingBudget } from './event-ring.js';
import {
  type Ending,
  LastingWatch,
  type LastingWatchParts,
  UnsharableError,
  type WatchHandler,
  type WatchHead,
} from './lasting-watch.js';
import { compareVersions } from './resource-version.js';
import type { Turns } from './turns.js';
import type { WatchEvent } from './watch-event.js';
import type { Loss, ShareObserver, WatchToShare } from './watch-to-share.js';
import type { Feed, Watcher } from './watcher.js';

/** What all shared watches have in common. */
export interface SharedWatchParts<Session> extends LastingWatchParts<Session> {
  readonly budget: RingBudget;
  readonly turns: Turns;
  readonly observer: ShareObserver;
}

/** Milliseconds for which the API server's word counts that the user may watch this. */
const permissionLifetime = 10_000;
/** Milliseconds that a watch stays without a client: a page that is reloaded finds it again. */
const lingerTime = 5_000;

/** One watch at the API server, whose events go to many clients. */
export class SharedWatch<Session> implements WatchHandler, Feed {
  readonly ring: EventRing;
  /** Resolves when the API server has begun to answer. Rejects with an UnsharableError if its answer cannot be shared, or with the error. */
  readonly opened: Promise<void>;
  readonly #parts: SharedWatchParts<Session>;
  readonly #request: WatchToShare<Session>;
  readonly #upstream: LastingWatch<Session>;
  readonly #onOver: (ending: Ending) => void;
  readonly #watchers = new Set<Watcher>();
  readonly #narrower = new Set<SharedWatch<Session>>();
  #settleOpened: { resolve(): void; reject(error: Error): void } | undefined;
  #head: WatchHead | undefined;
  #ending: Ending | undefined;
  #permittedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<boolean> | undefined;
  /** End of the ring when the watchers were last called. */
  #calledFor = 0;
  #lingerTime = lingerTime;
  #cancelLinger: () => void = () => {};

  constructor(
    parts: SharedWatchParts<Session>,
    request: WatchToShare<Session>,
    onOver: (ending: Ending) => void,
  ) {
    this.#parts = parts;
    this.#request = request;
    this.#onOver = onOver;
    this.ring = new EventRing(request.version, parts.budget);
    this.opened = new Promise<void>((resolve, reject) => {
      this.#settleOpened = { resolve, reject };
    });
    this.opened.catch(() => {});
    this.#upstream = new LastingWatch(parts, request, this);
  }

  start(): void {
    this.#parts.observer.watches(1);
    this.#upstream.start();
  }

  get head(): WatchHead | undefined {
    return this.#head;
  }

  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** How many clients it has. */
  get size(): number {
    return this.#watchers.size;
  }

  get version(): string {
    return this.ring.current;
  }

  /** Whether a client of this version can have all that is newer. */
  serves(version: string): boolean {
    return this.#ending === undefined && compareVersions(version, this.ring.floor) >= 0;
  }

  /** Whether the API server has said lately that the user may watch this. */
  get isPermitted(): boolean {
    return this.#parts.clock.now() - this.#permittedAt < permissionLifetime;
  }

  /** Asks the API server whether the user may watch this, once for all who want to know it. False also if it does not say. */
  askPermission(): Promise<boolean> {
    this.#asking ??= this.#request
      .isAllowed()
      .catch(() => false)
      .then(isAllowed => {
        this.#asking = undefined;
        if (isAllowed) this.#permitted();
        return isAllowed;
      });
    return this.#asking;
  }

  #permitted(): void {
    this.#permittedAt = this.#parts.clock.now();
  }

  /** Takes over the clients of another watch, which began later, as soon as it has caught up with it. */
  willReplace(watch: SharedWatch<Session>): void {
    this.#narrower.add(watch);
  }

  enter(watcher: Watcher): void {
    this.#cancelLinger();
    this.#watchers.add(watcher);
  }

  leave(watcher: Watcher): void {
    this.#watchers.delete(watcher);
    if (this.#watchers.size > 0) return;
    if (this.#ending !== undefined) this.ring.clear();
    else this.#linger();
  }

  #linger(): void {
    this.#cancelLinger();
    this.#cancelLinger = this.#parts.clock.schedule(this.#lingerTime, () => this.close());
  }

  /** No client will come back: the last one takes it along. */
  closeWhenLeft(): void {
    this.#lingerTime = 0;
    if (this.#watchers.size === 0) this.close();
  }

  /** Ends it. Clients that it still has are cut. */
  close(): void {
    this.#upstream.stop();
    this.ended(new Error('the watch is no longer shared'));
  }

  call(watcher: Watcher): void {
    this.#parts.turns.call(watcher);
    this.#parts.turns.run();
  }

  began(head: WatchHead): void {
    this.#head ??= head;
    this.#permitted();
    this.#settleOpened?.resolve();
    if (this.#watchers.size === 0) this.#linger();
  }

  received(event: WatchEvent): void {
    this.ring.append(event);
    this.#parts.observer.received();
  }

  idle(): void {
    if (this.#calledFor === this.ring.end) return;
    this.#calledFor = this.ring.end;
    if (this.#narrower.size > 0) this.#takeOver();
    this.#callAll();
  }

  resumed(loss: Loss): void {
    this.#parts.observer.resumed(loss);
  }

  ended(ending: Ending): void {
    if (this.#ending !== undefined) return;
    this.#ending = ending;
    this.#cancelLinger();
    this.#parts.observer.watches(-1);
    this.#settleOpened?.reject(ending instanceof Error ? ending : new UnsharableError('the watch has ended'));
    this.#onOver(ending);
    if (this.#watchers.size === 0) this.ring.clear();
    else this.#callAll();
  }

  #callAll(): void {
    const { turns } = this.#parts;
    for (const watcher of this.#watchers) turns.call(watcher);
    turns.run();
  }

  #takeOver(): void {
    for (const watch of this.#narrower) {
      if (watch.ending === undefined && compareVersions(this.version, watch.version) < 0) continue;
      this.#narrower.delete(watch);
      watch.giveTo(this);
    }
  }

  /** Its clients go on at another watch, as far as that has what they lack. */
  giveTo(watch: SharedWatch<Session>): void {
    for (const watcher of this.#watchers) watcher.moveTo(watch);
  }
}
