/** Something that changes while it is shown: a view draws it anew after each change, and closes it when it goes. */
export abstract class Model {
  readonly #ending = new AbortController();
  readonly #listeners = new Set<() => void>();

  /** Aborted when nobody needs it any more. */
  protected get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Begins to ask; what comes of it is told to those who subscribed. */
  abstract start(): void;

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#ending.abort();
  }

  protected changed(): void {
    if (this.#ending.signal.aborted) return;
    for (const listener of this.#listeners) listener();
  }
}
