import type { Cluster } from '../../clusters/cluster.js';
import { get, OwnRefusalError } from '../../clusters/own-request.js';
import { StatusError } from '../../kubernetes/status.js';
import type { Clock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';
import { isObject, parseObject } from '../../lib/json.js';
import { Moment } from '../../lib/moment.js';
import { reviewAccess } from '../../reviews/access-review.js';
import type { Reviews } from '../../reviews/reviews.js';
import { ReplacedError } from '../../transport/access.js';
import { isStillAllowed, type StillAsked } from '../common/still-allowed.js';
import type { FilterObserver } from './metrics.js';
import { parseVersion } from './named-request.js';

/** What the filter needs of the program. */
export interface FilterParts {
  readonly reviews: StillAsked & Pick<Reviews, 'denialOf' | 'authorizer'>;
  readonly clock: Clock;
  readonly observer: FilterObserver;
}

/** At most so many reviews begin in so many milliseconds: 200 a second. */
const most = { reviews: 20, within: 100 };
/** Milliseconds until the API server must have answered. */
const timeout = 5_000;

/** A user as whom the API server is asked: Impersonate-* fields, as name, value, … */
export interface Asker {
  readonly as: readonly string[];
}

/** What the gateway asks one API server about users and their namespaces: at most 20 reviews at a time and 200 a second, of each user in turn. */
export class Questions {
  readonly #cluster: Cluster;
  readonly #parts: FilterParts;
  readonly #slots = new FairSlots<Asker>(most.reviews, () => most.reviews);
  readonly #timers = new Set<() => void>();

  constructor(cluster: Cluster, parts: FilterParts) {
    this.#cluster = cluster;
    this.#parts = parts;
  }

  /**
   * Whether a user may get a namespace, asked as the API server would be asked about `kubectl get namespace NAME`; without a name, whether the
   * user may get all. Rejects with a StatusError of 503 if nobody can say it.
   */
  mayGet(asker: Asker, name: string): Promise<boolean> {
    const { reviews, observer } = this.#parts;
    const cluster = this.#cluster;
    const named = name !== '' && { namespace: name, name };
    return this.#inTurn(asker, () => {
      const attributes = {
        resourceAttributes: { verb: 'get', version: 'v1', resource: 'namespaces', ...named },
      };
      const question = { cluster, as: asker.as, access: this.#access, attributes };
      const asked = isStillAllowed(reviews, question);
      asked.then(
        isAllowed => observer.reviewed(isAllowed ? 'allowed' : 'refused'),
        () => observer.reviewed('error'),
      );
      return asked;
    });
  }

  /** Whether the API server can list all that a user may do: a webhook cannot. Rejects as `mayGet`. */
  canList(asker: Asker): Promise<boolean> {
    const subject = { ...this.#access, as: asker.as };
    const spec = { namespace: 'default' };
    return this.#inTurn(asker, async () => {
      const { incomplete } = await reviewAccess(this.#cluster, 'SelfSubjectRulesReview', spec, subject);
      return incomplete === false;
    });
  }

  /** The version of the newest state of the cluster. Rejects as `mayGet`, or with an error of the request. */
  async newestVersion(): Promise<bigint> {
    const cluster = this.#cluster;
    // Without a version, the API server asks its store.
    const { status, text } = await get(cluster, '/api/v1/namespaces?limit=1', { timeout, ...this.#access });
    const metadata = parseObject(text)?.['metadata'];
    const version = isObject(metadata) ? parseVersion(String(metadata['resourceVersion'])) : undefined;
    if (status === 200 && version !== undefined) return version;
    throw unknown(new OwnRefusalError(cluster.host, 'a list of namespaces', status, text));
  }

  /** Runs it later, unless this is closed before. */
  later(delay: number, run: () => void): void {
    const cancel = this.#parts.clock.schedule(delay, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  close(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  get #access() {
    const { endpoint } = this.#cluster;
    return endpoint === undefined ? {} : { judgedFor: endpoint.identity };
  }

  async #inTurn<T>(asker: Asker, review: () => Promise<T>): Promise<T> {
    await this.#slots.take(asker);
    const since = new Moment(this.#parts.clock);
    try {
      return await review();
    } catch (error) {
      throw error instanceof ReplacedError ? error : unknown(error as Error);
    } finally {
      this.later(Math.max(most.within - since.age, 0), () => this.#slots.giveBack(asker));
    }
  }
}

function unknown(error: Error): StatusError {
  const message = `it is not known which namespaces you may get: ${error.message}`;
  return new StatusError(503, message, { cause: error, retryAfterSeconds: 1 });
}
