import type { Clock } from '../../lib/clock.js';

/** What stays for a while without a client. */
export interface Lingerer {
  close(): void;
}

/** Milliseconds that a watch stays without a client: a page that is reloaded finds it again. */
const lingerTime = 5_000;
/** Most that stay. Clients that open a watch and leave, again and again, must not fill the API server. */
const mostLingering = 100;

/** Watches whose clients have all left. */
export class Lingering {
  readonly #clock: Clock;
  /** How each is kept from being closed; those that wait longest come first. */
  readonly #waiting = new Map<Lingerer, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Closes it after a while, unless it is deleted before. */
  add(watch: Lingerer): void {
    this.delete(watch);
    this.#waiting.set(
      watch,
      this.#clock.schedule(lingerTime, () => watch.close()),
    );
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > mostLingering) oldest?.close();
  }

  delete(watch: Lingerer): void {
    this.#waiting.get(watch)?.();
    this.#waiting.delete(watch);
  }
}
