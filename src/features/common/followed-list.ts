import type { Cluster, ClusterPart } from '../../clusters/cluster.js';
import { get, OwnRefusalError } from '../../clusters/own-request.js';
import { type Backoff, pauseAfter } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { isObject, type JsonObject, parseObject } from '../../lib/json.js';
import type { RoundTrip } from '../../transport/round-trip.js';
import { openWatch } from './own-watch.js';

/** An object was added (no `before`), changed, or deleted (no `after`). */
export interface ObjectChange<T> {
  /** `NAMESPACE/NAME`, or NAME. */
  readonly key: string;
  readonly before: T | undefined;
  readonly after: T | undefined;
}

/** What is followed, what is kept of it, and who hears of it. */
export interface FollowedListParts<T> {
  readonly cluster: Pick<Cluster, 'host' | 'access' | 'refused' | 'current'>;
  /** Of the list, without a query: `/api/v1/namespaces`. If it may change, it is asked for before each list. */
  readonly path: string | (() => Promise<string>);
  /** Which objects of the list are followed, as parameters of its query; by default all. */
  readonly selectors?: string;
  /** Whether the API server sends nothing but the metadata of each object: `PartialObjectMetadata` of meta.k8s.io/v1. */
  readonly metadataOnly?: boolean;
  /** What is kept of an object. It should be small: there may be many. */
  readonly keep: (object: JsonObject) => T;
  readonly changed: (change: ObjectChange<T>) => void;
  /** It is now synced, or no longer, or knows another reason why not. */
  readonly stateChanged?: () => void;
  readonly clock: Clock;
  readonly random?: () => number;
}

interface Kept<T> {
  /** Of the object: equal for the same state of the same object. */
  readonly version: string;
  readonly value: T;
}

/** Milliseconds until a list or the head of a watch must be there. */
const timeout = 15_000;
/** Objects of one page. */
const pageSize = 500;
/** After an attempt that failed, and after a watch that is over. */
const backoff: Backoff = { first: 1_000, most: 30_000, jitter: 0.5 };
/** Seconds that a watch lasts at least; at most twice as long (client-go, `Reflector`). */
const watchSeconds = 300;
/** Milliseconds that the end of a watch may be late. Then its connection is dead. */
const overtime = 30_000;

/**
 * Follows all objects of one kind in a cluster with the proxy's own identity, as client-go's reflector does: a list, a watch from its version,
 * another list if that version is too old. It keeps only what its owner needs of each object. After another endpoint of the cluster, it
 * begins anew: attach it to the cluster.
 */
export class FollowedList<T> implements ClusterPart {
  readonly #parts: FollowedListParts<T>;
  #path = '';
  readonly #kept = new Map<string, Kept<T>>();
  /** What has begun before another run began does not count. */
  #run = 0;
  /** Of the last event; undefined if a list must come first. */
  #version: string | undefined;
  #watch: RoundTrip | undefined;
  #cancelTimer = () => {};
  #failures = 0;
  #isFollowing = false;
  /** Whether the objects are those of a whole list of this endpoint, and of what came after it. */
  isSynced = false;
  /** Whether the watch is open now: then changes come within moments. */
  isOpen = false;
  /** Whether the API server does not let the proxy list or watch them. */
  isForbidden = false;
  /** Why the objects may be out of date; undefined if they are not. */
  problem: string | undefined = 'they have not been listed yet';

  constructor(parts: FollowedListParts<T>) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#kept.size;
  }

  get keys(): Iterable<string> {
    return this.#kept.keys();
  }

  get(key: string): T | undefined {
    return this.#kept.get(key)?.value;
  }

  *values(): Generator<T> {
    for (const { value } of this.#kept.values()) yield value;
  }

  /** Begins to follow, if it does not yet. */
  follow(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    this.#begin();
  }

  /** The cluster has another endpoint. */
  replaced(): void {
    if (!this.#isFollowing) return;
    this.#stop();
    this.#version = undefined;
    this.isSynced = false;
    this.isForbidden = false;
    this.problem = 'they have not been listed yet';
    this.#begin();
    this.#parts.stateChanged?.();
  }

  close(): void {
    this.#isFollowing = false;
    this.#stop();
  }

  destroy(): void {
    this.close();
  }

  #stop(): void {
    this.#run += 1;
    this.#cancelTimer();
    this.#watch?.abort();
    this.#watch = undefined;
    this.isOpen = false;
  }

  #begin(): void {
    const run = ++this.#run;
    if (this.#version !== undefined) this.#openWatch(run, this.#version);
    else
      this.#list(run).then(
        version => {
          if (run === this.#run) this.#openWatch(run, version);
        },
        (error: Error) => this.#over(run, error),
      );
  }

  async #list(run: number): Promise<string> {
    const { cluster, path: given } = this.#parts;
    const path = typeof given === 'string' ? given : await given();
    this.#path = path;
    const found = new Map<string, Kept<T>>();
    for (let next = ''; ; ) {
      const page = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
      const target = `${path}?${this.#selectors}limit=${pageSize}${page}`;
      const { status, text } = await get(cluster, target, {
        timeout,
        ...this.#accept('PartialObjectMetadataList'),
      });
      if (status !== 200) throw new OwnRefusalError(cluster.host, `a list of ${path}`, status, text);
      const { items, metadata } = parseObject(text) ?? {};
      if (!isObject(metadata) || typeof metadata['resourceVersion'] !== 'string')
        throw new Error(`the answer to a list of ${path} is not a list`);
      for (const item of Array.isArray(items) ? items : []) if (isObject(item)) this.#addTo(found, item);
      next = typeof metadata['continue'] === 'string' ? metadata['continue'] : '';
      if (next !== '') continue;
      if (run === this.#run) this.#replaceWith(found);
      return metadata['resourceVersion'];
    }
  }

  get #selectors(): string {
    const { selectors } = this.#parts;
    return selectors === undefined ? '' : `${selectors}&`;
  }

  /** Nothing else is accepted: a whole object may have secrets. */
  #accept(kind: string): { readonly accept?: string } {
    return this.#parts.metadataOnly ? { accept: `application/json;as=${kind};g=meta.k8s.io;v=v1` } : {};
  }

  #addTo(found: Map<string, Kept<T>>, object: JsonObject): void {
    const read = readMetadata(object);
    if (read !== undefined) found.set(read.key, { version: read.version, value: this.#parts.keep(object) });
  }

  #replaceWith(found: ReadonlyMap<string, Kept<T>>): void {
    const { changed } = this.#parts;
    const before = new Map(this.#kept);
    this.#kept.clear();
    for (const [key, kept] of found) this.#kept.set(key, kept);
    for (const [key, { value }] of before)
      if (!found.has(key)) changed({ key, before: value, after: undefined });
    for (const [key, { version, value }] of found) {
      const old = before.get(key);
      if (old?.version !== version) changed({ key, before: old?.value, after: value });
    }
  }

  #openWatch(run: number, version: string): void {
    const { cluster, clock, random = Math.random } = this.#parts;
    this.#version = version;
    const seconds = Math.round(watchSeconds * (1 + random()));
    const target = `${this.#path}?${this.#selectors}watch=true&allowWatchBookmarks=true&resourceVersion=${encodeURIComponent(version)}&timeoutSeconds=${seconds}`;
    this.#watch = openWatch(
      cluster,
      { target, timeout, ...this.#accept('PartialObjectMetadata') },
      {
        opened: () => {
          if (run !== this.#run) return;
          this.#failures = 0;
          this.isOpen = true;
          this.#say({ isSynced: true, isForbidden: false, problem: undefined });
        },
        event: line => {
          if (run === this.#run) this.#event(line.toString('utf8'));
        },
        over: error => this.#over(run, error),
      },
    );
    this.#cancelTimer = clock.schedule(seconds * 1000 + overtime, () => {
      if (run !== this.#run) return;
      this.#watch?.abort();
      this.#over(run, undefined);
    });
  }

  #event(line: string): void {
    const { type, object } = parseObject(line) ?? {};
    if (!isObject(object)) throw new Error('a line of the watch is not an event');
    if (type === 'ERROR') {
      if (object['code'] === 410) this.#version = undefined;
      throw new Error(`the watch ends with ${String(object['message'])}`);
    }
    const read = readMetadata(object);
    if (read === undefined) throw new Error('an event of the watch has no object');
    this.#version = read.resourceVersion;
    if (type === 'BOOKMARK') return;
    const { key, version } = read;
    const before = this.#kept.get(key)?.value;
    if (type === 'DELETED') {
      this.#kept.delete(key);
      if (before !== undefined) this.#parts.changed({ key, before, after: undefined });
      return;
    }
    const value = this.#parts.keep(object);
    this.#kept.set(key, { version, value });
    this.#parts.changed({ key, before, after: value });
  }

  /** A list has failed, or a watch is over. A moment later it goes on, from the last version or with a list. */
  #over(run: number, error: Error | undefined): void {
    if (run !== this.#run) return;
    this.#cancelTimer();
    this.#watch = undefined;
    this.isOpen = false;
    const status = error instanceof OwnRefusalError ? error.status : 0;
    if (status === 410 || status === 400) this.#version = undefined;
    if (error !== undefined) {
      const isForbidden = status === 403;
      this.#say({ isSynced: this.isSynced && !isForbidden, isForbidden, problem: error.message });
    }
    const { clock, random } = this.#parts;
    this.#failures += 1;
    this.#cancelTimer = clock.schedule(pauseAfter(this.#failures, backoff, random), () => {
      if (run === this.#run) this.#begin();
    });
  }

  #say(state: Pick<FollowedList<T>, 'isSynced' | 'isForbidden' | 'problem'>): void {
    const { isSynced, isForbidden, problem } = this;
    Object.assign(this, state);
    const isSame =
      isSynced === state.isSynced && isForbidden === state.isForbidden && problem === state.problem;
    if (!isSame) this.#parts.stateChanged?.();
  }
}

/** Undefined for what is no object of an API. */
function readMetadata({ metadata }: JsonObject) {
  if (!isObject(metadata)) return undefined;
  const { name = '', namespace = '', uid = '', resourceVersion } = metadata;
  if (typeof resourceVersion !== 'string') return undefined;
  return {
    key: namespace === '' ? String(name) : `${namespace}/${name}`,
    /** Another object of the same name may have the same version in another cluster. */
    version: `${uid} ${resourceVersion}`,
    resourceVersion,
  };
}
