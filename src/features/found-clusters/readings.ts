import { setImmediate } from 'node:timers/promises';
import { type Backoff, pauseAfter } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { Deferred } from '../../lib/promises.js';
import type { FoundCluster } from './found-cluster.js';

/** Uses an object that was read. */
type Use = () => Promise<void>;

/** Objects that are read at the same time. */
const mostAtOnce = 8;
const backoff: Backoff = { first: 1_000, most: 30_000, jitter: 0.5 };

/**
 * Reads the objects of clusters, a few at a time, and uses them one after the other, each in a turn of the event loop of its own: hundreds may
 * change at once, and requests go on between them. A reading that was asked for while another one runs is of a newer version. One that fails is
 * tried again later; one timer serves them all.
 */
export class Readings {
  readonly #read: (cluster: FoundCluster) => Promise<Use>;
  readonly #clock: Clock;
  readonly #waiting = new Map<FoundCluster, Deferred<void>>();
  readonly #running = new Set<FoundCluster>();
  readonly #failed = new Set<FoundCluster>();
  /** The last use of an object. */
  #lastUse: Promise<void> = Promise.resolve();
  #failures = 0;
  #cancelTimer: (() => void) | undefined;
  #isClosed = false;
  /** Why the last reading failed; undefined if it did not, or if none that failed is left. */
  problem: string | undefined;

  /** @param read Rejects if the object could not be read, whatever it says. */
  constructor(read: (cluster: FoundCluster) => Promise<Use>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** Resolves when the object was read and used, or could not be. */
  ask(cluster: FoundCluster): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    this.#failed.delete(cluster);
    const waiting = this.#waiting.get(cluster) ?? new Deferred<void>();
    this.#waiting.set(cluster, waiting);
    this.#next();
    return waiting.promise;
  }

  /** The same before all others that wait, for a request. */
  askFirst(cluster: FoundCluster): Promise<void> {
    const others = [...this.#waiting].filter(([other]) => other !== cluster);
    const waiting = this.#waiting.get(cluster);
    this.#waiting.clear();
    this.#waiting.set(cluster, waiting ?? new Deferred<void>());
    for (const [other, its] of others) this.#waiting.set(other, its);
    return this.ask(cluster);
  }

  /** The object is gone. */
  forget(cluster: FoundCluster): void {
    this.#waiting.get(cluster)?.resolve();
    this.#waiting.delete(cluster);
    this.#failed.delete(cluster);
    this.#settle();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer?.();
    for (const cluster of [...this.#waiting.keys()]) this.forget(cluster);
  }

  #next(): void {
    for (const [cluster, waiting] of this.#waiting) {
      if (this.#running.size >= mostAtOnce) return;
      if (this.#running.has(cluster)) continue;
      this.#waiting.delete(cluster);
      this.#running.add(cluster);
      void this.#run(cluster).then(() => {
        this.#running.delete(cluster);
        waiting.resolve();
        this.#next();
      });
    }
  }

  #settle(): void {
    if (this.#failed.size > 0) return;
    this.#failures = 0;
    this.problem = undefined;
  }

  async #run(cluster: FoundCluster): Promise<void> {
    try {
      await this.#inTurn(await this.#read(cluster));
      this.#settle();
    } catch (error) {
      if (this.#isClosed) return;
      this.problem = (error as Error).message;
      this.#failed.add(cluster);
      this.#tryLater();
    }
  }

  #inTurn(use: Use): Promise<void> {
    const turn = this.#lastUse.then(() => setImmediate()).then(use);
    this.#lastUse = turn.catch(() => {});
    return turn;
  }

  #tryLater(): void {
    if (this.#cancelTimer !== undefined) return;
    this.#failures += 1;
    this.#cancelTimer = this.#clock.schedule(pauseAfter(this.#failures, backoff), () => {
      this.#cancelTimer = undefined;
      for (const cluster of [...this.#failed]) void this.ask(cluster);
    });
  }
}
