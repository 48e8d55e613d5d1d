import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import type { Logger } from '../../observability/log/logger.js';

/** Milliseconds since the last refusal after which a cluster is forgotten: nobody asks where no stream is open any longer. */
const lifetime = 10 * 60_000;

/** The clusters that do not let the proxy ask about the users of streams. The log names each once as long as it is remembered. */
export class UnaskableClusters {
  readonly #clock: Clock;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #clusters = new Map<string, Moment>();

  constructor(clock: Clock, logger: Pick<Logger, 'warn'>) {
    this.#clock = clock;
    this.#logger = logger;
  }

  add(cluster: string): void {
    this.#forget();
    if (!this.#clusters.has(cluster))
      this.#logger.warn(
        { cluster },
        'the API server does not let the proxy ask whether users may go on with open streams',
      );
    this.#clusters.set(cluster, new Moment(this.#clock));
  }

  /** The cluster has answered. */
  delete(cluster: string): void {
    this.#clusters.delete(cluster);
  }

  /** What readyz says. Strangers must not know the names of clusters. */
  warnings(): readonly string[] {
    this.#forget();
    if (this.#clusters.size === 0) return [];
    return [
      'an API server does not let this proxy ask whether users may go on with open streams, which end after three intervals of --recheck-streams; allow the verb create, or impersonate-on:user-info:create, on selfsubjectaccessreviews',
    ];
  }

  #forget(): void {
    for (const [cluster, at] of this.#clusters) if (at.age >= lifetime) this.#clusters.delete(cluster);
  }
}
