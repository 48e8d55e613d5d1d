import type { Component } from '../../feature.js';
import type { Clock } from '../../lib/clock.js';

/** Milliseconds that a watch stays open without a client, so that a reloaded page finds it again. */
const lingerTime = 5_000;
/** The most watches without a client. Otherwise clients that open many watches and leave could burden the API server. */
const mostLingering = 100;

/** Watches whose clients have all left. */
export class Lingering {
  readonly #clock: Clock;
  /** For each watch the function that cancels its closing. The watch that has waited longest comes first. */
  readonly #waiting = new Map<Component, () => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Closes a watch after `lingerTime`, unless it is deleted here before. */
  add(watch: Component): void {
    this.delete(watch);
    this.#waiting.set(
      watch,
      this.#clock.schedule(lingerTime, () => watch.close()),
    );
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > mostLingering) oldest?.close();
  }

  delete(watch: Component): void {
    this.#waiting.get(watch)?.();
    this.#waiting.delete(watch);
  }
}
