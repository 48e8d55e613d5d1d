import type { UserInfo } from '../kubernetes/user-info.js';
import type { Logger } from '../observability/log/logger.js';

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
