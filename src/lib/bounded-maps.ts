import { copyOf } from './copy-of.js';

/**
 * Limits how many entries several maps have together. Above the limit, the largest map loses its oldest entry, so that nobody can empty one
 * map by filling another. A map is forgotten when nothing else refers to it.
 */
export class SharedCapacity {
  readonly #most: number;
  readonly #maps = new Set<WeakRef<Map<string, unknown>>>();

  constructor(most: number) {
    this.#most = most;
  }

  createMap<T>(): Map<string, T> {
    const map = new Map<string, T>();
    this.#maps.add(new WeakRef(map));
    return map;
  }

  /** Sets an entry of a map that this object created, as the newest entry. */
  set<T>(map: Map<string, T>, key: string, value: T): void {
    map.delete(key);
    map.set(key, value);
    let entries = 0;
    let largest: Map<string, unknown> = map;
    for (const reference of this.#maps) {
      const other = reference.deref();
      if (other === undefined) {
        this.#maps.delete(reference);
        continue;
      }
      entries += other.size;
      if (other.size > largest.size) largest = other;
    }
    if (entries <= this.#most) return;
    const [oldest = ''] = largest.keys();
    largest.delete(oldest);
  }
}

const mostKeys = 64;
const longestKey = 256;

/**
 * A map that keeps the first 64 keys alone, and none of more than 256 characters: for what nearly all requests have in common, and only
 * some client varies.
 */
export class SmallMap<V> extends Map<string, V> {
  override set(key: string, value: V): this {
    const isKept = this.size < mostKeys && key.length <= longestKey;
    return isKept ? super.set(copyOf(key, longestKey), value) : this;
  }
}
