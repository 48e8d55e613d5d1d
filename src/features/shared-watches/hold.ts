import type { Clock } from '../../lib/clock.js';

/** How long the clients of a stream wait for one that is too far behind, in milliseconds: at a time, as in the API server's watch cache. */
const atATime = 100;
/** The same in all: clients of one user, and clients of users who do not know each other. */
const inAll = { 'one user': 3_000, users: 500 } as const;

/** The time for which the clients of a stream wait for others. */
export class Hold {
  readonly #clock: Clock;
  readonly #onLate: () => void;
  #left: number;
  /** Since when they wait, and what ends that. */
  #held: { readonly since: number; readonly cancel: () => void } | undefined;

  /** @param onLate They have waited long enough. */
  constructor(clock: Clock, among: keyof typeof inAll, onLate: () => void) {
    this.#clock = clock;
    this.#left = inAll[among];
    this.#onLate = onLate;
  }

  /** Whether they wait. */
  get isOn(): boolean {
    return this.#held !== undefined;
  }

  begin(): void {
    if (this.#held !== undefined) return;
    const cancel = this.#clock.schedule(Math.max(Math.min(atATime, this.#left), 0), this.#onLate);
    this.#held = { since: this.#clock.monotonic(), cancel };
  }

  end(): void {
    if (this.#held === undefined) return;
    this.#held.cancel();
    this.#left -= this.#clock.monotonic() - this.#held.since;
    this.#held = undefined;
  }
}
