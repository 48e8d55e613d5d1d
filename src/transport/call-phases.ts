import type { Phase, PhaseObserver } from '../lib/phases.js';

/** Tells an observer how long each phase of a call takes. A phase begins where the one before it ends. */
export class CallPhases {
  readonly #observer: PhaseObserver;
  #name: Phase | undefined;
  #since = 0;

  constructor(observer: PhaseObserver) {
    this.#observer = observer;
  }

  /**
   * A phase begins. The one before it, if there is one, has ended well.
   *
   * @param shared What others may have waited for too, in the phase before.
   */
  begin(name: Phase, shared?: object): void {
    const now = performance.now();
    this.#tell(now, undefined, shared);
    this.#name = name;
    this.#since = now;
  }

  /** The phase has ended, well if there is no error, and none follows it. */
  end(error?: unknown, shared?: object): void {
    this.#tell(performance.now(), error, shared);
  }

  #tell(now: number, error: unknown, shared: object | undefined): void {
    const name = this.#name;
    this.#name = undefined;
    if (name !== undefined) this.#observer.phase(name, this.#since, now, error, shared);
  }
}
