import type { Logger } from './log/logger.js';

const day = 24 * 3_600_000;
/** The warnings begin this many milliseconds before a certificate expires. */
const notice = 7 * day;

/** Warns of certificates that expire soon, or have expired: when one comes into use, and once a day. */
export class ExpiryWarnings {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #now: () => number;
  readonly #watched = new Map<string, Date>();
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
    const before = this.#watched.get(name);
    this.#watched.delete(name);
    if (notAfter === undefined) return;
    this.#watched.set(name, notAfter);
    const isAnother = before?.getTime() !== notAfter.getTime();
    if (isAnother && this.#timer !== undefined) this.#check(name, notAfter);
  }

  /** Starts the checks. Before that there are no warnings. */
  start(): void {
    const checkAll = () => {
      for (const [name, notAfter] of this.#watched) this.#check(name, notAfter);
    };
    this.#timer = setInterval(checkAll, day).unref();
    checkAll();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #check(name: string, notAfter: Date): void {
    const left = notAfter.getTime() - this.#now();
    if (left >= notice) return;
    const fields = { notAfter: notAfter.toISOString(), daysLeft: Math.floor(left / day) };
    this.#logger.warn(fields, `${name} ${left < 0 ? 'has expired' : 'expires soon'}`);
  }
}
