import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';

/** Milliseconds for which a permission from the API server is valid. */
const lifetime = 10_000;

/** Whether the user of a watch may watch what it is about. */
export class Permission {
  readonly #clock: Clock;
  readonly #ask: () => Promise<boolean>;
  /** When the API server last gave it. */
  #given: Moment | undefined;
  #asking: Promise<boolean> | undefined;

  /** @param ask Asks the API server. */
  constructor(clock: Clock, ask: () => Promise<boolean>) {
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Whether the API server has given it within `lifetime`. */
  get isValid(): boolean {
    return this.#given !== undefined && this.#given.age < lifetime;
  }

  /** The API server gives it: it has accepted the watch itself, or says so. */
  give(): void {
    this.#given = new Moment(this.#clock);
  }

  /** Asks the API server. Callers that ask at the same time share one request. Resolves to false also if the request fails. */
  request(): Promise<boolean> {
    this.#asking ??= this.#ask()
      .catch(() => false)
      .then(isAllowed => {
        this.#asking = undefined;
        if (isAllowed) this.give();
        return isAllowed;
      });
    return this.#asking;
  }
}
