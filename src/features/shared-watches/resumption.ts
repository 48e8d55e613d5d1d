import { type Backoff, pauseAfter } from '../../lib/backoff.js';
import { ReplacedError } from '../../transport/access.js';
import type { RoundTrip } from '../../transport/round-trip.js';
import { type LostError, RefusedError, UnsharableError } from './ending.js';
import type { SharedWatch } from './shared-watch.js';
import type { OnLost, SharingClient } from './sharing-client.js';
import { senderKey, type WatchToShare } from './watch-to-share.js';
import type { Before, Watcher } from './watcher.js';

/** A client must go on within this number of milliseconds, or it is cut. */
const resumeWithin = 30_000;
/** After a watch that lasted at least this number of milliseconds, the first try is made without delay. */
const steadyAfter = 5_000;
/** Between tries. The clients of a watch have the same pauses. */
export const backoff: Backoff = { first: 100, most: 2_500, jitter: 1 };
/** How often the API server may refuse users who share. */
export const mostRefusals = 3;

/** Decides what follows. */
interface Owner {
  readonly onLost: OnLost;
  /** The client goes on at this one. */
  moved(watcher: Watcher): void;
}

/**
 * The way of a client from a shared watch that was lost, for example because the API server restarts, to the next one, as client-go's
 * `RetryWatcher` goes on from the last version. It joins as a new client does: its credential is checked, and it opens the watch, as its own
 * user, or joins the one that another client has opened. The credential of the proxy may be another one, but its user is the same.
 */
export class Resumption implements RoundTrip {
  readonly #client: SharingClient;
  readonly #owner: Owner;
  readonly #lost: SharedWatch;
  readonly #error: LostError;
  readonly #before: Before;
  /** The watch that was lost, or the last one that was tried. */
  #watch: SharedWatch;
  /** Why the client cannot go on yet. */
  #failure: Error;
  #watcher: Watcher | undefined;
  #user: string | undefined;
  #refusals = 0;
  #isPaused: boolean;
  #isOver = false;
  #cancelTry: () => void = () => {};
  readonly #cancelDeadline: () => void;

  constructor(client: SharingClient, lost: SharedWatch, error: LostError, before: Before, owner: Owner) {
    this.#client = client;
    this.#owner = owner;
    this.#lost = lost;
    this.#watch = lost;
    this.#error = error;
    this.#failure = error;
    this.#before = before;
    this.#isPaused = before.isPaused;
    if (lost.since.age >= steadyAfter) client.failures = 0;
    const { clock } = client.parts;
    this.#cancelDeadline = clock.schedule(resumeWithin, () => this.#fail(this.#failure));
    this.#tryLater();
  }

  #tryLater(): void {
    const { failures, parts } = this.#client;
    const { jitter } = this.#watch;
    const pause = failures === 0 ? 0 : pauseAfter(failures, backoff, () => jitter);
    this.#client.failures += 1;
    this.#cancelTry = parts.clock.schedule(pause, () => this.#try());
  }

  #try(): void {
    this.#goOn().catch((error: Error) => this.#failed(error));
  }

  async #goOn(): Promise<void> {
    const request = await this.#client.request();
    if (this.#isOver) return;
    // Another user, or none who can share.
    if (request?.key !== this.#lost.key) throw new ReplacedError();
    this.#user = senderKey(request.sender);
    const mayGoOn = await this.#client.mayGoOn(request);
    if (this.#isOver) return;
    if (mayGoOn) await this.#join(request);
    else this.#end();
  }

  async #join(request: WatchToShare): Promise<void> {
    const { shared, parts } = this.#client;
    const { version } = this.#before;
    const watch = shared.find(request, version, this.#lost.columns);
    if (watch === undefined) {
      this.#fail(this.#failure);
      return;
    }
    this.#watch = watch;
    const isFirst = watch.size === 0;
    const watcher = this.#client.enter(watch, request, this.#owner.onLost);
    this.#watcher = watcher;
    if (!watch.isOpen) await watcher.opened();
    if (this.#isOver) return;
    if (isFirst) parts.observer.resumed(this.#error.loss);
    const hasMoved = this.#client.move(watcher, watch, { from: this.#lost, version }, () => {
      this.#over();
      this.#owner.moved(watcher);
      return { ...this.#before, isPaused: this.#isPaused };
    });
    if (!hasMoved) this.#fail(new Error('the watch goes on in another form'));
  }

  #failed(error: Error): void {
    if (this.#isOver) return;
    this.#failure = error;
    this.#watcher?.abort();
    this.#watcher = undefined;
    if (error instanceof UnsharableError) this.#fail(error);
    else if (error instanceof RefusedError) this.#refused(error);
    // Each client comes back with its version, or sends its own request.
    else if (error instanceof ReplacedError) this.#end();
    else this.#tryLater();
  }

  #refused(error: RefusedError): void {
    const user = this.#user as string;
    const { api } = this.#watch;
    if (api !== undefined && error.isOfUser) this.#refusals += 1;
    if (error.isFinalFor(user)) this.#end();
    else if (this.#refusals === mostRefusals) this.#fail(error);
    else if (error.isOfUser && error.user !== user) this.#try();
    else this.#tryLater();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  abort(): void {
    this.#over();
    this.#watcher?.abort();
  }

  #over(): void {
    this.#isOver = true;
    this.#cancelTry();
    this.#cancelDeadline();
  }

  #end(): void {
    this.abort();
    this.#client.sink.end();
  }

  #fail(error: Error): void {
    this.abort();
    this.#client.sink.error(error);
  }
}
