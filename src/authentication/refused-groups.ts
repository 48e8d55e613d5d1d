import type { Clock } from '../lib/clock.js';
import { Moment } from '../lib/moment.js';
import type { Logger } from '../observability/log/logger.js';

/** How many groups are remembered: the issuers of callers choose their names. */
const most = 20;
/** Milliseconds since the last refusal after which a group is forgotten. */
const lifetime = 10 * 60_000;

/** The groups of callers that the API server has not let the proxy impersonate of late. The log names each once as long as it is remembered. */
export class RefusedGroups {
  readonly #clock: Clock;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #groups = new Map<string, Moment>();

  constructor(clock: Clock, logger: Pick<Logger, 'warn'>) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** @param cluster The name of the cluster that refused it; undefined if only one is served. */
  add(group: string, cluster: string | undefined): void {
    this.#forget();
    const name = JSON.stringify(group.slice(0, 200)) + (cluster === undefined ? '' : ` (${cluster})`);
    if (!this.#groups.has(name)) {
      if (this.#groups.size >= most) return;
      this.#logger.warn(
        { group, cluster },
        'the API server does not let the proxy impersonate a group of a caller',
      );
    }
    this.#groups.set(name, new Moment(this.#clock));
  }

  /** What readyz says about them: strangers must not know their names. */
  warnings(): readonly { readonly text: string; readonly forCallers: string }[] {
    this.#forget();
    if (this.#groups.size === 0) return [];
    const refuses = 'the API server refuses requests of callers, because the proxy may not impersonate';
    const names = [...this.#groups.keys()].join(', ');
    return [
      {
        text: `${refuses} a group of theirs; the log, and readyz with a credential, name it`,
        forCallers: `${refuses} these groups: ${names}; allow it, or leave them out with --accept-group`,
      },
    ];
  }

  #forget(): void {
    for (const [name, at] of this.#groups) if (at.age >= lifetime) this.#groups.delete(name);
  }
}
