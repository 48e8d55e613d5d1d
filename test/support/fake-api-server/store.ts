import type { ResourceType } from './discovery.js';
import type { KubeObject } from './objects.js';

/** One change in the history: the object after it, or as it last was for a deletion. */
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly object: KubeObject;
  /** The object before the change, so that a selector can tell entering from leaving. */
  readonly previous: KubeObject | undefined;
}

type Key = Pick<ResourceType, 'group' | 'resource'>;

/** What a backup of etcd holds: the objects by resource and the version, without history. */
export interface StoreBackup {
  readonly version: number;
  readonly objects: ReadonlyMap<string, ReadonlyMap<string, KubeObject>>;
}

/** In-memory etcd: objects by resource, one version counter for all, and a history for watches. */
export class Store {
  /** resourceVersion of the latest change. */
  version: number;
  /** Continued lists from before this version are expired, and watches of every resource. */
  oldestVersion: number;
  #objects = new Map<string, Map<string, KubeObject>>();
  readonly #historyLimit: number;
  readonly #history = new Map<string, StoreEvent[]>();
  readonly #listeners = new Map<string, Set<(event: StoreEvent) => void>>();

  /** Keeps this many events of each resource, as the API server's watch cache does. */
  constructor(firstVersion: number, historyLimit = Number.POSITIVE_INFINITY) {
    this.#historyLimit = historyLimit;
    this.version = firstVersion;
    this.oldestVersion = firstVersion;
  }

  get(key: Key, namespace: string, name: string): KubeObject | undefined {
    return this.#table(key).get(`${namespace}/${name}`);
  }

  /** All objects of a resource, or those of one namespace, in etcd's order (by namespace, then name). */
  list(key: Key, namespace: string): KubeObject[] {
    const prefix = `${namespace}/`;
    return [...this.#table(key)]
      .filter(([path]) => namespace === '' || path.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, object]) => object);
  }

  /** Creates or replaces; sets resourceVersion and returns what is stored. */
  write(key: Key, object: KubeObject): KubeObject {
    const version = this.#next();
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    const path = `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
    const previous = this.#table(key).get(path);
    this.#table(key).set(path, stored);
    this.#publish(key, { type: previous ? 'MODIFIED' : 'ADDED', version, object: stored, previous });
    return stored;
  }

  /** Removes and returns the object with the version of its removal, or undefined if it was not there. */
  remove(key: Key, namespace: string, name: string): KubeObject | undefined {
    const path = `${namespace}/${name}`;
    const previous = this.#table(key).get(path);
    if (!previous) return undefined;
    this.#table(key).delete(path);
    const version = this.#next();
    const object = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(version) } };
    this.#publish(key, { type: 'DELETED', version, object, previous });
    return object;
  }

  /** The oldest version from which the history of a resource is whole. */
  oldestVersionOf(key: Key): number {
    const history = this.#history.get(this.#id(key)) ?? [];
    const removed = history.length === this.#historyLimit;
    return removed ? Math.max(this.oldestVersion, (history[0]?.version ?? 1) - 1) : this.oldestVersion;
  }

  /** Changes after `version`, oldest first. */
  since(key: Key, version: number): StoreEvent[] {
    return (this.#history.get(this.#id(key)) ?? []).filter(event => event.version > version);
  }

  /** Calls `listener` on each change from now on; returns the way to stop it. */
  subscribe(key: Key, listener: (event: StoreEvent) => void): () => void {
    const id = this.#id(key);
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Forgets the history, as etcd compaction does: older versions are expired from here on. */
  compact(): void {
    this.#history.clear();
    this.oldestVersion = this.version;
  }

  /** The objects and the version as they are now. */
  backup(): StoreBackup {
    const objects = new Map([...this.#objects].map(([id, table]) => [id, new Map(table)]));
    return { version: this.version, objects };
  }

  /** Puts a backup in the place of all objects; the version goes back with it, the history is forgotten, and nobody is told. */
  restore({ version, objects }: StoreBackup): void {
    this.#objects = new Map([...objects].map(([id, table]) => [id, new Map(table)]));
    this.version = version;
    this.compact();
  }

  #next(): number {
    this.version += 1;
    return this.version;
  }

  #id(key: Key): string {
    return `${key.group}/${key.resource}`;
  }

  #table(key: Key): Map<string, KubeObject> {
    const id = this.#id(key);
    const table = this.#objects.get(id) ?? new Map<string, KubeObject>();
    this.#objects.set(id, table);
    return table;
  }

  #publish(key: Key, event: StoreEvent): void {
    const id = this.#id(key);
    const history = this.#history.get(id) ?? [];
    history.push(event);
    if (history.length > this.#historyLimit) history.shift();
    this.#history.set(id, history);
    for (const listener of [...(this.#listeners.get(id) ?? [])]) listener(event);
  }
}
