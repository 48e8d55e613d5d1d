import type { ResourceType } from './discovery.js';
import type { KubeObject } from './objects.js';

/** One change in the history: the object after it, or its last state for a deletion. */
export interface StoreEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly version: number;
  readonly object: KubeObject;
  /** The object before the change, so that a watch can see whether it begins or stops matching a selector. */
  readonly previous: KubeObject | undefined;
}

type Key = Pick<ResourceType, 'group' | 'resource'>;

/** In-memory etcd: objects by resource, one version counter for all, and a history for watches. */
export class Store {
  /** resourceVersion of the latest change. */
  version = 1000;
  /** Continued lists and watches from before this version are expired. */
  oldestVersion = 1000;
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #historyLimit: number;
  readonly #history = new Map<string, StoreEvent[]>();
  readonly #listeners = new Map<string, Set<(event: StoreEvent) => void>>();

  /** Keeps this many events of each resource, as the API server's watch cache does. */
  constructor(historyLimit = Number.POSITIVE_INFINITY) {
    this.#historyLimit = historyLimit;
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

  /** Creates or replaces an object; sets resourceVersion and returns the stored object. */
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

  /** The oldest version from which the history of a resource is complete. */
  oldestVersionOf(key: Key): number {
    const history = this.#history.get(this.#id(key)) ?? [];
    const removed = history.length === this.#historyLimit;
    return removed ? Math.max(this.oldestVersion, (history[0]?.version ?? 1) - 1) : this.oldestVersion;
  }

  /** Changes after `version`, oldest first. */
  since(key: Key, version: number): StoreEvent[] {
    return (this.#history.get(this.#id(key)) ?? []).filter(event => event.version > version);
  }

  /** Calls `listener` for each change from now on. Returns a function that stops this. */
  subscribe(key: Key, listener: (event: StoreEvent) => void): () => void {
    const id = this.#id(key);
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Drops the history, like a compaction of etcd: older versions are expired from now on. */
  compact(): void {
    this.#history.clear();
    this.oldestVersion = this.version;
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
