import { copyOf } from './copy-of.js';

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
