import type { Clock } from '../../lib/clock.js';
import { RecentNames } from '../../lib/recent-names.js';
import type { Logger } from '../../observability/log/logger.js';

/** Milliseconds since the last refusal after which a cluster is forgotten: nobody asks where no stream is open any longer. */
const lifetime = 10 * 60_000;

/** The clusters that do not let the proxy ask about the users of streams. The log names each once as long as it is remembered. */
export class UnaskableClusters {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #clusters: RecentNames;

  constructor(clock: Clock, logger: Pick<Logger, 'warn'>) {
    this.#clusters = new RecentNames(clock, lifetime);
    this.#logger = logger;
  }

  add(cluster: string): void {
    if (this.#clusters.add(cluster))
      this.#logger.warn(
        { cluster },
        'the API server does not let the proxy ask whether users may go on with open streams',
      );
  }

  /** The cluster has answered. */
  delete(cluster: string): void {
    this.#clusters.delete(cluster);
  }

  /** What readyz says. Strangers must not know the names of clusters. */
  warnings(): readonly string[] {
    if (this.#clusters.list().length === 0) return [];
    return [
      'an API server does not let this proxy ask whether users may go on with open streams, which end after three intervals of --recheck-streams; allow the verb create, or impersonate-on:user-info:create, on selfsubjectaccessreviews',
    ];
  }
}
