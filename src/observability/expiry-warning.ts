import type { Logger } from './log/logger.js';

const hour = 3_600_000;
const day = 24 * hour;
/** Milliseconds before a certificate expires. Each certificate gets one warning at each of them. */
const thresholds = [7 * day, day, 0];

/** A certificate that is watched, and the least threshold of its warnings so far. */
interface Watched {
  readonly notAfter: Date;
  warned: number;
}

/** Warns of certificates that are about to expire. Checks once an hour, and immediately when another certificate comes into use. */
export class ExpiryWarnings {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #now: () => number;
  readonly #watched = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(logger: Pick<Logger, 'warn'>, now: () => number = Date.now) {
    this.#logger = logger;
    this.#now = now;
  }

  /**
   * Sets when a certificate expires; undefined when it is no longer in use.
   *
   * @param name The certificate in log messages, such as `the client certificate`.
   */
  watch(name: string, notAfter: Date | undefined): void {
    if (notAfter === undefined) this.#watched.delete(name);
    else if (notAfter.getTime() !== this.#watched.get(name)?.notAfter.getTime()) {
      this.#watched.set(name, { notAfter, warned: Number.POSITIVE_INFINITY });
    }
    if (this.#timer !== undefined) this.#check();
  }

  /** Starts the checks. Before that there are no warnings. */
  start(): void {
    this.#timer = setInterval(() => this.#check(), hour).unref();
    this.#check();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(): void {
    for (const [name, watched] of this.#watched) {
      const left = watched.notAfter.getTime() - this.#now();
      const passed = Math.min(...thresholds.filter(threshold => left < threshold), Number.POSITIVE_INFINITY);
      if (passed >= watched.warned) continue;
      watched.warned = passed;
      const fields = { notAfter: watched.notAfter.toISOString(), daysLeft: Math.floor(left / day) };
      this.#logger.warn(fields, `${name} ${left < 0 ? 'has expired' : 'expires soon'}`);
    }
  }
}
