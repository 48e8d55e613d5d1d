import { nameOfId } from './namespace-rows.js';
import { type Ids, type ShownVersions, toVersion } from './shown-versions.js';

/** What the client of a watch holds, as far as it selects it, and up to which version it has had everything. */
export class HeldNamespaces {
  #ids = new Set<string>();
  /** Whether what was shown refers to `#ids`, so that another set takes its place when it changes. */
  #isLent = false;
  /** Those that the client has not got: it does not select them, or they were gone when they were read. */
  readonly #unsent = new Set<string>();
  /** Those of which the client has an old state: they were hidden when an event came. */
  readonly #stale = new Set<string>();
  /** The one of each name that was sent last: in the client, it has taken the place of others of its name. */
  readonly #sent = new Map<string, string>();
  /** The versions of what was read from a list: older events about it would be a step back. */
  readonly #read = new Map<string, bigint>();
  /** Empty if it is not known yet. */
  position = '';

  /** Begins with these, all of which the client may have got. */
  begin(ids: Ids, position: string): void {
    this.#ids = new Set(ids);
    this.#isLent = false;
    this.position = position;
  }

  /** Whether the client has got it. */
  has(id: string): boolean {
    const sent = this.#sent.get(nameOfId(id)) ?? id;
    return this.#ids.has(id) && !this.#unsent.has(id) && sent === id;
  }

  /** It was sent as it is. */
  add(id: string): void {
    this.#change().add(id);
    this.#sent.set(nameOfId(id), id);
    this.#unsent.delete(id);
    this.#stale.delete(id);
  }

  delete(id: string): void {
    if (this.has(id)) this.#sent.delete(nameOfId(id));
    this.#change().delete(id);
    for (const known of [this.#unsent, this.#stale, this.#read]) known.delete(id);
  }

  /** The list that the client selects does not have it. If the client has got it, the watch brings its DELETED. */
  isNotListed(id: string): void {
    if (!this.#ids.has(id)) this.#unsent.add(id);
    this.#change().add(id);
    this.#stale.delete(id);
  }

  /** An event about it was not sent. */
  missed(id: string): void {
    if (this.#ids.has(id)) this.#stale.add(id);
  }

  /** It was sent as a list had it, at this version. */
  wasRead(id: string, text: string): void {
    const version = toVersion(text);
    if (version !== undefined) this.#read.set(id, version);
  }

  /** Whether the client has had a newer state of it. */
  isNewerThan(id: string, version: string): boolean {
    const read = this.#read.get(id);
    if (read === undefined) return false;
    const isNewer = read >= (toVersion(version) ?? read);
    if (!isNewer) this.#read.delete(id);
    return isNewer;
  }

  /** Whether the client lacks it, or its present state, if it selects it. */
  lacks(id: string): boolean {
    return !this.#ids.has(id) || this.#stale.has(id);
  }

  /** Those of these that the client lacks, but for one that was made again: first comes the DELETED of the other one of its name. */
  missing(visible: Ids): string[] {
    const lacking = [...visible].filter(id => this.lacks(id));
    if (lacking.length === 0) return lacking;
    const held = new Map([...this.#ids].filter(id => this.has(id)).map(id => [nameOfId(id), id]));
    return lacking.filter(id => (held.get(nameOfId(id)) ?? id) === id);
  }

  /** Those that the client holds and should not. */
  hidden(visible: Ids): string[] {
    return [...this.#ids].filter(id => !visible.has(id));
  }

  /** Remembers that the client has been shown these up to its version. */
  recordIn(shown: ShownVersions): void {
    if (this.position === '') return;
    this.#isLent = true;
    shown.record(this.position, this.#ids);
    // A client that goes on from this version may have an old state of the stale ones.
    if (this.#stale.size > 0)
      shown.record(this.position, new Set([...this.#ids].filter(id => !this.#stale.has(id))));
  }

  #change(): Set<string> {
    if (this.#isLent) this.#ids = new Set(this.#ids);
    this.#isLent = false;
    return this.#ids;
  }
}
