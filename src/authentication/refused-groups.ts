import type { Clock } from '../lib/clock.js';
import { RecentNames } from '../lib/recent-names.js';
import type { Logger } from '../observability/log/logger.js';

/** How many groups are remembered: the issuers of callers choose their names. */
const most = 20;
/** Milliseconds since the last refusal after which a group is forgotten. */
const lifetime = 10 * 60_000;

/** The groups of callers that the API server has not let the proxy impersonate of late. The log names each once as long as it is remembered. */
export class RefusedGroups {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #groups: RecentNames;

  constructor(clock: Clock, logger: Pick<Logger, 'warn'>) {
    this.#groups = new RecentNames(clock, lifetime, most);
    this.#logger = logger;
  }

  /** @param cluster The name of the cluster that refused it; undefined if only one is served. */
  add(group: string, cluster: string | undefined): void {
    const name = JSON.stringify(group.slice(0, 200)) + (cluster === undefined ? '' : ` (${cluster})`);
    if (this.#groups.add(name))
      this.#logger.warn(
        { group, cluster },
        'the API server does not let the proxy impersonate a group of a caller',
      );
  }

  /** What readyz says about them: strangers must not know their names. */
  warnings(): readonly { readonly text: string; readonly forCallers: string }[] {
    const groups = this.#groups.list();
    if (groups.length === 0) return [];
    const refuses = 'the API server refuses requests of callers, because the proxy may not impersonate';
    const names = groups.join(', ');
    return [
      {
        text: `${refuses} a group of theirs; the log, and readyz with a credential, name it`,
        forCallers: `${refuses} these groups: ${names}; allow it, or leave them out with --accept-group`,
      },
    ];
  }
}
