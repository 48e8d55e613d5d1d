/** Something that changes while it is shown. A view draws it again after each change, and closes it when the view goes. */
export abstract class Model {
  readonly #ending = new AbortController();
  readonly #listeners = new Set<() => void>();

  /** Aborted when the model is closed. */
  protected get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Begins to read. Subscribers are called after each change. */
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
