import type { UserInfo } from '../kubernetes/user-info.js';
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

/** How many groups the log names: the issuers of callers choose their names. */
const mostNamed = 100;

/** The groups that callers keep: those of `--accept-group`, and those that Kubernetes itself gives. */
export class AcceptedGroups {
  readonly #names: ReadonlySet<string>;
  readonly #logger: Pick<Logger, 'info'>;
  readonly #named = new Set<string>();

  constructor(names: readonly string[], logger: Pick<Logger, 'info'>) {
    this.#names = new Set(names);
    this.#logger = logger;
  }

  /** The user without the other groups, which `leftOut` names. The log names each group once, up to a hundred. */
  leaveOutOthers(user: UserInfo): UserInfo {
    const leftOut = user.groups.filter(group => !this.#has(group));
    if (leftOut.length === 0) return user;
    for (const group of leftOut) this.#name(group);
    return { ...user, groups: user.groups.filter(group => this.#has(group)), leftOut };
  }

  #has(group: string): boolean {
    return (
      this.#names.has(group) ||
      group === 'system:authenticated' ||
      group === 'system:serviceaccounts' ||
      group.startsWith('system:serviceaccounts:')
    );
  }

  #name(group: string): void {
    if (this.#named.has(group) || this.#named.size >= mostNamed) return;
    this.#named.add(group);
    const fields = { group: group.slice(0, 200) };
    this.#logger.info(fields, 'a group of callers is left out: no --accept-group names it');
    if (this.#named.size === mostNamed) this.#logger.info('the log names no more groups that are left out');
  }
}
