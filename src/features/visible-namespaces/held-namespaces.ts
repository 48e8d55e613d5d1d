import { type Ids, type ShownVersions, toVersion } from './shown-versions.js';

/** What the client of a watch holds, as far as it selects it, and up to which version it has had everything. */
export class HeldNamespaces {
  #ids = new Set<string>();
  /** Whether what was shown refers to `#ids`, so that another set takes its place when it changes. */
  #isLent = false;
  /** Those that are no longer there: the watch brings their DELETED. */
  readonly #deleted = new Set<string>();
  /** The versions of what was read from a list: older events about it would be a step back. */
  readonly #read = new Map<string, bigint>();
  /** Empty if it is not known yet. */
  position = '';

  /** Begins with these. */
  begin(ids: Ids, position: string): void {
    this.#ids = new Set(ids);
    this.#isLent = false;
    this.position = position;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#change().add(id);
  }

  delete(id: string): void {
    this.#change().delete(id);
    this.#deleted.delete(id);
    this.#read.delete(id);
  }

  /** It is no longer there: nothing but its DELETED will come. */
  isGone(id: string): void {
    this.#deleted.add(id);
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

  /** Those of these that the client does not hold. */
  missing(visible: Ids): string[] {
    return [...visible].filter(id => !this.#ids.has(id));
  }

  /** Those that the client holds and should not. */
  hidden(visible: Ids): string[] {
    return [...this.#ids].filter(id => !visible.has(id) && !this.#deleted.has(id));
  }

  /** Remembers that the client has been shown these up to its version. */
  recordIn(shown: ShownVersions): void {
    if (this.position === '') return;
    this.#isLent = true;
    shown.record(this.position, this.#ids);
  }

  #change(): Set<string> {
    if (this.#isLent) this.#ids = new Set(this.#ids);
    this.#isLent = false;
    return this.#ids;
  }
}
