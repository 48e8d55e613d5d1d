import type { Cluster } from '../../clusters/cluster.js';
import { get, OwnRefusalError } from '../../clusters/own-request.js';
import type { ClusterRegistry } from '../../clusters/registry.js';
import type { Warning } from '../../endpoints/health.js';
import type { Clock } from '../../lib/clock.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import { Moment } from '../../lib/moment.js';
import { within } from '../../lib/promises.js';
import type { Logger } from '../../observability/log/logger.js';
import { longestEnd } from '../../proxy/open-streams.js';
import { FollowedList, type ObjectChange } from '../common/followed-list.js';
import type { ServerRules } from './addresses.js';
import { FoundCluster, type FoundObject } from './found-cluster.js';
import type { GoneSamples } from './gone-samples.js';
import type { Kind } from './kind.js';
import type { StreamsOfFound } from './open-streams.js';
import { Readings } from './readings.js';

/** The objects of one kind in one namespace. */
export interface FoundSource {
  readonly kind: Kind;
  readonly namespace: string;
}

/** What clusters are found with. */
export interface FoundClustersParts {
  /** That of `/`, which has the objects. */
  readonly cluster: Cluster;
  readonly registry: Pick<ClusterRegistry, 'add' | 'remove'>;
  readonly streams: Pick<StreamsOfFound, 'end'>;
  /** Whether a cluster of this name is served. */
  readonly serves: (name: string) => boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly servers: ServerRules;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly clock: Clock;
  readonly samples: Pick<GoneSamples, 'drop'>;
}

/** Milliseconds for one object. */
const timeout = 15_000;
/** Milliseconds that a request waits after a 401 until its cluster's object is read, and until one is read again for another 401. */
const rereadTimeout = 4_000;
const rereadInterval = 1_000;
/** The most bytes of one object: twice what etcd stores of one. */
const mostBytes = 3 * 1024 * 1024;
/** Milliseconds after which the samples of a cluster that is gone are dropped: Prometheus has read the last ones. */
const samplesLifetime = 10 * 60_000;
/** How many names are remembered. After that, none is given to another cluster. */
const mostNames = 100_000;
/** How many clusters readyz names. */
const mostTold = 5;

/** Follows objects that define clusters, and serves these. */
export class FoundClusters {
  readonly #parts: FoundClustersParts;
  readonly #lists: FollowedList<FoundObject | undefined>[] = [];
  readonly #found = new Map<string, FoundCluster>();
  /** The object that a name was given to, by its uid. It stays its name as long as the process lives: saved kubeconfigs lead there. */
  readonly #uids = new Map<string, string>();
  /** Why objects are not served, by their uids. */
  readonly #refused = new Map<string, string>();
  readonly #readings: Readings;

  constructor(parts: FoundClustersParts) {
    this.#parts = parts;
    this.#readings = new Readings(cluster => this.#read(cluster), parts.clock);
  }

  /** Begins to follow. */
  follow({ kind, namespace }: FoundSource): void {
    const { cluster, clock } = this.#parts;
    const path = async () => {
      await kind.discover?.(cluster);
      return kind.path(namespace);
    };
    const list = new FollowedList<FoundObject | undefined>({
      ...{ cluster, path, clock },
      ...(kind.selectors !== undefined && { selectors: kind.selectors }),
      metadataOnly: true,
      keep: object => this.#objectOf(object, { kind, namespace }),
      changed: change => this.#changed(change),
    });
    this.#lists.push(list);
    cluster.attach(list);
    list.follow();
  }

  /** How many clusters there are, by what can be said of their objects. */
  get counts(): Readonly<Record<'usable' | 'outdated' | 'unusable', number>> {
    const counts = { usable: 0, outdated: 0, unusable: this.#refused.size };
    for (const { problem, isUsable } of this.#found.values()) {
      if (problem === undefined) counts.usable += isUsable ? 1 : 0;
      else counts[isUsable ? 'outdated' : 'unusable'] += 1;
    }
    return counts;
  }

  /** Whether all objects are known as they are now. */
  get isSynced(): boolean {
    return this.#readings.problem === undefined && this.#lists.every(({ problem }) => problem === undefined);
  }

  /** What readyz says. Strangers must not know the names of clusters. */
  warnings(): readonly Warning[] {
    const reasons = new Set([...this.#lists.map(({ problem }) => problem), this.#readings.problem]);
    const outdated = [...reasons].flatMap(reason => {
      if (reason === undefined) return [];
      const text = 'the clusters that are found may be out of date';
      return [{ text, forCallers: `${text}: ${reason}` }];
    });
    return [...outdated, ...this.#unusable()];
  }

  close(): void {
    this.#readings.close();
  }

  #unusable(): readonly Warning[] {
    const told = [...this.#refused.values()];
    for (const { name, problem } of this.#found.values())
      if (problem !== undefined) told.push(`${name}: ${problem}`);
    if (told.length === 0) return [];
    const text = `${told.length} of the clusters that were found cannot be used as their objects say`;
    const rest = told.length > mostTold ? `; and ${told.length - mostTold} more` : '';
    return [
      {
        text: `${text}; the log, and readyz with a credential, say why`,
        forCallers: `${text}: ${told.slice(0, mostTold).join('; ')}${rest}`,
      },
    ];
  }

  #objectOf({ metadata }: JsonObject, { kind, namespace }: FoundSource): FoundObject | undefined {
    if (!isObject(metadata)) return undefined;
    const ofCluster = kind.clusterOf(metadata);
    const { uid, name } = metadata;
    if (ofCluster === undefined || typeof name !== 'string') return undefined;
    if (typeof uid !== 'string' || uid === '') return undefined;
    const cluster = `${namespace}.${ofCluster}`;
    return this.#parts.serves(cluster) ? { cluster, uid, kind, namespace, name } : undefined;
  }

  #changed({ before, after }: ObjectChange<FoundObject | undefined>): void {
    if (before !== undefined && before.uid !== after?.uid) this.#lost(before);
    if (after === undefined) return;
    const known = this.#found.get(after.cluster);
    if (known?.object.uid === after.uid) void this.#readings.ask(known);
    else this.#take(after);
  }

  #take(object: FoundObject): void {
    const { cluster: name, uid } = object;
    const owner = this.#uids.get(name);
    if (owner === undefined && this.#uids.size >= mostNames) {
      this.#refuse(object, 'this process has given all the names that it can give; restart it');
      return;
    }
    if (owner !== undefined && owner !== uid) {
      this.#refuse(
        object,
        'another object has had its name; a name that saved kubeconfigs may have is given once; restart the gateway to give it again',
      );
      return;
    }
    this.#uids.set(name, uid);
    this.#refused.delete(uid);
    let since: Moment | undefined;
    const readAgain = async () => {
      // A server that refuses each request must not let each read the object.
      if (since !== undefined && since.age < rereadInterval) return;
      since = new Moment(this.#parts.clock);
      await within(rereadTimeout, this.#readings.askFirst(found), () => undefined);
    };
    const found = new FoundCluster(object, { ...this.#parts, readAgain }, used =>
      this.#displaced(found, used),
    );
    this.#found.set(name, found);
    // It is served at once: a request that comes before its object has been read waits for that.
    if (this.#parts.registry.add(found)) void this.#readings.ask(found);
    else this.#displaced(found, undefined);
  }

  async #read(found: FoundCluster): Promise<() => Promise<void>> {
    const { cluster } = this.#parts;
    const { object } = found;
    const path = `${object.kind.path(object.namespace)}/${encodeURIComponent(object.name)}`;
    const { status, text } = await get(cluster, path, { timeout, most: mostBytes });
    // The list tells that an object is gone.
    if (status === 404) return async () => {};
    if (status !== 200) throw new OwnRefusalError(cluster.host, `a GET of ${path}`, status, text);
    return () => this.#use(found, parseObject(text) ?? {});
  }

  async #use(found: FoundCluster, read: JsonObject): Promise<void> {
    const { object, problem, server } = found;
    const uid = isObject(read['metadata']) ? read['metadata']['uid'] : undefined;
    if (uid !== object.uid || this.#found.get(found.name) !== found) return;
    await found.take(await object.kind.read(read));
    if (this.#found.get(found.name) === found) this.#tell(found, { problem, server });
  }

  /** @param before What the version before it said. */
  #tell(found: FoundCluster, before: Pick<FoundCluster, 'problem' | 'server'>): void {
    const { logger } = this.#parts;
    const { name, problem, server, isUsable } = found;
    if (problem === before.problem && server === before.server) return;
    const fields = { cluster: name, ...(server !== '' && { server }) };
    if (problem === undefined) logger.info(fields, 'a cluster was found, or its object has changed');
    else if (isUsable) {
      logger.warn(
        { ...fields, problem },
        'the object of a cluster cannot be used; its last good version stays in use',
      );
    } else logger.warn({ ...fields, problem }, 'the object of a cluster cannot be used');
  }

  /** An object is gone, or is no longer one of those that are followed. */
  #lost({ cluster: name, uid }: FoundObject): void {
    this.#refused.delete(uid);
    const found = this.#found.get(name);
    if (found?.object.uid !== uid) return;
    this.#end(found, this.#parts.registry.remove(found.name));
    this.#parts.logger.info({ cluster: name }, 'a cluster that was found is gone');
  }

  #displaced(found: FoundCluster, used: Cluster | undefined): void {
    this.#end(found, used);
    this.#refuse(found.object, 'a context of the kubeconfig has, or has had, its name');
  }

  /** @param used The cluster, if it was used. */
  #end(found: FoundCluster, used: Cluster | undefined): void {
    this.#found.delete(found.name);
    this.#readings.forget(found);
    const { streams, clock, samples } = this.#parts;
    streams.end(found.name);
    if (used === undefined) return;
    // What has no client of its own ends too.
    clock.schedule(longestEnd, () => used.destroy());
    clock.schedule(samplesLifetime, () => void samples.drop(found.name));
  }

  #refuse({ cluster, uid }: FoundObject, why: string): void {
    this.#refused.set(uid, `${cluster}: ${why}`);
    this.#parts.logger.warn({ cluster, problem: why }, 'an object that defines a cluster is not used');
  }
}
