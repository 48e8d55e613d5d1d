import type { Cluster } from '../../clusters/cluster.js';
import { type ChosenFrom, namesOf, type ShownClusters } from '../../clusters/shown.js';
import { impersonationOf, userOfImpersonation } from '../../kubernetes/impersonation.js';
import { StatusError } from '../../kubernetes/status.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { SharedCapacity } from '../../lib/bounded-maps.js';
import type { Clock } from '../../lib/clock.js';
import { digest } from '../../lib/json.js';
import type { ResourceAttributes } from '../../reviews/attributes.js';
import type { Reviews } from '../../reviews/reviews.js';

/** How many clusters are asked about one caller at a time. */
const mostAtOnce = 20;
/** Milliseconds that a list waits for answers. Lists of one caller within this time share them. */
const patience = 2_000;
/** How many callers' clusters are remembered. */
const mostCallers = 256;

interface Parts {
  readonly clock: Clock;
  readonly reviews: Pick<Reviews, 'ask'>;
}

/**
 * Finds out in which clusters a caller has a right, by reviews as the caller, each time that the caller opens a list. A cluster is shown after
 * a yes alone. One without an answer is shown if the last answer was a yes: an outage takes no cluster off the list of those who know it,
 * and tells its name to nobody else.
 */
export class ClusterAccess {
  readonly #right: ResourceAttributes;
  readonly #parts: Parts;
  /** The lists that are open, or were opened a short time ago, by caller. */
  readonly #lists = new Map<string, Promise<ShownClusters>>();
  readonly #capacity = new SharedCapacity(mostCallers);
  /** The clusters whose last answer was a yes, by caller. */
  readonly #known = this.#capacity.createMap<Set<string>>();
  /** The clusters that gave no answer to the last question. They are asked after all others, because each holds a slot for long. */
  readonly #silent = new WeakSet<Cluster>();

  constructor(right: ResourceAttributes, parts: Parts) {
    this.#right = right;
    this.#parts = parts;
  }

  /** Never rejects. */
  shownTo(caller: UserInfo, registry: ChosenFrom): Promise<ShownClusters> {
    const as = impersonationOf(caller);
    const key = digest(userOfImpersonation(as));
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = this.#open(as, registry).then(answers => this.#choose(key, answers));
      this.#lists.set(key, list);
      this.#parts.clock.schedule(patience, () => this.#lists.delete(key));
    }
    return list;
  }

  /** Whether each cluster says yes; undefined if it gives no answer in time. */
  #open(as: readonly string[], registry: ChosenFrom): Promise<ReadonlyMap<string, boolean | undefined>> {
    const { default: root } = registry;
    const names = [...namesOf(registry)];
    const answers = new Map<string, boolean | undefined>(names.map(name => [name, undefined]));
    const clusters = names.flatMap(name => {
      const cluster = name === root.name ? root : registry.get(name);
      return cluster === undefined ? [] : [{ name, cluster }];
    });
    const isSilent = ({ cluster }: { readonly cluster: Cluster }) => this.#silent.has(cluster);
    const waiting = [...clusters.filter(each => !isSilent(each)), ...clusters.filter(isSilent)].reverse();
    const asked = new Set<Cluster>();
    return new Promise(resolve => {
      let isOver = false;
      const end = () => {
        if (isOver) return;
        isOver = true;
        cancel();
        for (const cluster of asked) this.#silent.add(cluster);
        resolve(answers);
      };
      const cancel = this.#parts.clock.schedule(patience, end);
      const askOneByOne = async () => {
        for (let next = waiting.pop(); next !== undefined && !isOver; next = waiting.pop()) {
          const { name, cluster } = next;
          asked.add(cluster);
          const answer = await this.#ask(cluster, as, cluster !== root);
          if (answer === undefined) continue;
          asked.delete(cluster);
          this.#silent.delete(cluster);
          if (!isOver) answers.set(name, answer);
        }
      };
      void Promise.all(Array.from({ length: mostAtOnce }, askOneByOne)).then(end);
    });
  }

  async #ask(cluster: Cluster, as: readonly string[], namesContext: boolean): Promise<boolean | undefined> {
    try {
      const { identity } = await cluster.open();
      const access = { judgedFor: identity, namesContext };
      const attributes = { resourceAttributes: this.#right };
      const { isAllowed, hasError } = await this.#parts.reviews.ask({ cluster, as, attributes, access });
      return isAllowed || (hasError ? undefined : false);
    } catch (error) {
      // The gateway itself sends nothing there as this caller.
      return error instanceof StatusError && error.code === 403 ? false : undefined;
    }
  }

  #choose(key: string, answers: ReadonlyMap<string, boolean | undefined>): ShownClusters {
    const before = this.#known.get(key);
    const names = new Set<string>();
    const unknown = new Set<string>();
    let isComplete = true;
    for (const [name, answer] of answers) {
      if (answer === undefined) {
        if (before?.has(name)) unknown.add(name);
        else isComplete = false;
      }
      if (answer ?? unknown.has(name)) names.add(name);
    }
    this.#capacity.set(this.#known, key, names);
    return { names, unknown, isComplete };
  }
}
