/** A map that keeps the first 64 keys alone: for what nearly all requests have in common, and only some client varies. */
export class SmallMap<V> extends Map<string, V> {
  override set(key: string, value: V): this {
    return this.size < 64 ? super.set(key, value) : this;
  }
}
