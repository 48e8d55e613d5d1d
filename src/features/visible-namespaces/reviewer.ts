import type { Cluster } from '../../clusters/cluster.js';
import { StatusError } from '../../kubernetes/status.js';
import type { Clock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';
import type { Reviews } from '../../reviews/reviews.js';
import { ReplacedError } from '../../transport/access.js';
import type { FilterObserver } from './metrics.js';
import type { Asking, Namespace, Viewer } from './viewer.js';

interface ReviewerParts {
  readonly cluster: Cluster;
  readonly reviews: Pick<Reviews, 'isStillAllowed'>;
  readonly clock: Clock;
  readonly observer: FilterObserver;
}

/** The most reviews at a time. */
const most = { ofUser: 20, ofCluster: 100 };
/** Watches ask so often, in milliseconds, and at most so many questions each time: 200 a second. */
const turn = { every: 100, questions: 20 };
/** Milliseconds until watches ask again after a review that failed. */
const retryAfter = 5_000;

/** Asks the API server of one cluster whether users may get namespaces: users share fairly what may be asked at a time. */
export class Reviewer implements Asking {
  readonly #parts: ReviewerParts;
  readonly #slots = new FairSlots<Viewer>(most.ofCluster, () => most.ofUser);
  /** What watches wait for, by user. The first user has waited longest. */
  readonly #waiting = new Map<Viewer, Map<string, Namespace>>();
  readonly #timers = new Set<() => void>();
  #isTicking = false;

  constructor(parts: ReviewerParts) {
    this.#parts = parts;
  }

  /**
   * Asks as the API server would be asked about `kubectl get namespace NAME`. Always with the name: a webhook may hide one namespace from a
   * user who may get all. Rejects with a StatusError of 503 if nobody can say it.
   */
  async ask(viewer: Viewer, name: string): Promise<boolean> {
    const { cluster, reviews, observer } = this.#parts;
    await this.#slots.take(viewer);
    try {
      const isAllowed = await reviews.isStillAllowed({
        cluster,
        as: viewer.as,
        attributes: {
          resourceAttributes: { verb: 'get', version: 'v1', resource: 'namespaces', namespace: name, name },
        },
        ...(cluster.endpoint !== undefined && {
          scope: cluster.endpoint,
          access: { judgedFor: cluster.endpoint.identity },
        }),
      });
      observer.reviewed(isAllowed ? 'allowed' : 'refused');
      return isAllowed;
    } catch (error) {
      observer.reviewed('error');
      if (error instanceof ReplacedError) throw error;
      const message = `it is not known which namespaces you may get: ${(error as Error).message}`;
      throw new StatusError(503, message, { cause: error, retryAfterSeconds: 1 });
    } finally {
      // A turn later the connection of the answer is free, and the next question can use it.
      setImmediate(() => this.#slots.giveBack(viewer));
    }
  }

  remembered(count: number): void {
    this.#parts.observer.reviewed('remembered', count);
  }

  /** Asks again about these, for the watches of a user: soon, but not all at once. */
  askSoon(viewer: Viewer, namespaces: Iterable<Namespace>): void {
    let waiting = this.#waiting.get(viewer);
    if (waiting === undefined) {
      waiting = new Map();
      this.#waiting.set(viewer, waiting);
    }
    for (const namespace of namespaces) waiting.set(namespace.name, namespace);
    if (!this.#isTicking) this.#tick();
  }

  close(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#waiting.clear();
  }

  /** Runs it later, unless this is closed before. */
  later(delay: number, run: () => void): void {
    const cancel = this.#parts.clock.schedule(delay, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  #tick(): void {
    for (let count = 0; count < turn.questions; count += 1) {
      const next = this.#next();
      if (next === undefined) break;
      const { viewer, namespace } = next;
      viewer.judgeAgain(namespace).catch(() => {
        this.later(retryAfter, () => this.askSoon(viewer, [namespace]));
      });
    }
    this.#isTicking = this.#waiting.size > 0;
    if (this.#isTicking) this.later(turn.every, () => this.#tick());
  }

  /** The next question of the user who has waited longest. Those without a watch need no answer. */
  #next(): { readonly viewer: Viewer; readonly namespace: Namespace } | undefined {
    for (const [viewer, waiting] of this.#waiting) {
      this.#waiting.delete(viewer);
      const [namespace] = waiting.values();
      if (viewer.watches.size === 0 || namespace === undefined) continue;
      waiting.delete(namespace.name);
      if (waiting.size > 0) this.#waiting.set(viewer, waiting);
      return { viewer, namespace };
    }
    return undefined;
  }
}
