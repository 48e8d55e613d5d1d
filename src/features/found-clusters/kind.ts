import type { Cluster } from '../../clusters/cluster.js';
import type { JsonObject } from '../../lib/json.js';
import type { FoundConfig } from './found-config.js';

/** A kind of objects that define clusters, as `--clusters-from` names it. */
export interface Kind {
  /** Path of the list of those in a namespace, without a query. */
  path(namespace: string): string;
  /** Finds out by which version of their API the cluster has them. Called before each list; `path` has that version afterwards. */
  discover?(cluster: Cluster): Promise<void>;
  /** Which of them are asked for, as parameters of a query. */
  readonly selectors?: string;
  /** The name of the cluster that an object with this metadata defines; undefined if it defines none. */
  clusterOf(metadata: JsonObject): string | undefined;
  /** What a whole object says about its cluster. */
  read(object: JsonObject): FoundConfig | Promise<FoundConfig>;
}
