import type { Clock } from '../../lib/clock.js';

/** A request with initial events is sent at most this number of milliseconds after the one before it, if only one is under way. */
const interval = 100;
/** The longest time in milliseconds that a client waits. */
const patience = 5_000;
/** The most requests that are under way at a time, unless a client has waited for `patience`. */
const most = 2;

/**
 * Decides when the requests for the same initial events are sent, and which of them a client may join: one that is not sent yet, because the
 * API server reads the current version at each request. A client that comes alone does not wait. Others wait for the next request, which is
 * sent when the one before it has got its bookmark, or after `interval`. Of requests that are answered faster than that, two are sent at
 * once, and then one in each `interval`. None is sent before it is ready.
 */
export class InitialSchedule<Request extends { readonly isReady: boolean; start(): void }> {
  readonly #clock: Clock;
  readonly #onIdle: () => void;
  /** Sent, and without their bookmark. */
  readonly #running = new Set<Request>();
  /** The request that clients may join, and since when it waits. */
  #next: { readonly request: Request; readonly since: number } | undefined;
  #sentAt = 0;
  /** When the pace of the requests so far allows two more at once. */
  #freeAt = 0;
  #cancel: () => void = () => {};

  /** @param onIdle Called when the schedule is of no more use: no request is under way, and none was sent just now. */
  constructor(clock: Clock, onIdle: () => void) {
    this.#clock = clock;
    this.#onIdle = onIdle;
    this.#freeAt = clock.monotonic();
  }

  /** The request that a client may join which asks now. It may be sent during this call. */
  join(create: () => Request): Request {
    this.#next ??= { request: create(), since: this.#clock.monotonic() };
    const { request } = this.#next;
    this.#advance();
    return request;
  }

  /** The request that clients may join may have become ready. */
  ready(): void {
    this.#advance();
  }

  /** A request has got its bookmark, is over, or is not needed any more. */
  done(request: Request): void {
    if (this.#next?.request === request) this.#next = undefined;
    else if (!this.#running.delete(request)) return;
    this.#advance();
  }

  /** All requests that wait, or are under way. */
  get requests(): Request[] {
    return [...this.#running, ...(this.#next === undefined ? [] : [this.#next.request])];
  }

  /** Sends the next request if it is time, or sets a timer. */
  #advance(): void {
    this.#cancel();
    const due = this.#due();
    const wait = due - this.#clock.monotonic();
    if (wait > 0) {
      // A timer takes whole milliseconds.
      if (due < Number.POSITIVE_INFINITY)
        this.#cancel = this.#clock.schedule(Math.ceil(wait), () => this.#advance());
    } else if (this.#next === undefined) this.#onIdle();
    else this.#send(this.#next.request);
  }

  /** When there is something to do. */
  #due(): number {
    const { size } = this.#running;
    if (this.#next === undefined) return size > 0 ? Number.POSITIVE_INFINITY : this.#freeAt;
    if (!this.#next.request.isReady) return Number.POSITIVE_INFINITY;
    const latest = this.#next.since + patience;
    if (size >= most) return latest;
    return Math.min(latest, size === 0 ? this.#freeAt - interval : this.#sentAt + interval);
  }

  #send(request: Request): void {
    const now = this.#clock.monotonic();
    this.#next = undefined;
    this.#running.add(request);
    this.#sentAt = now;
    this.#freeAt = Math.max(this.#freeAt, now) + interval;
    request.start();
  }
}
