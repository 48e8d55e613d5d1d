import type { Logger } from './log/logger.js';

const hour = 3_600_000;
const day = 24 * hour;
/** Milliseconds before a certificate expires. Each certificate gets one warning at each of them. */
const thresholds = [7 * day, day, 0];

/** Warns of a certificate that is about to expire. */
export interface ExpiryWarning {
  /** Sets when the certificate in use expires; undefined when there is none. */
  watch(notAfter: Date | undefined): void;
  /** Starts the checks. Before that there are no warnings. */
  start(): void;
  close(): void;
}

/**
 * Checks once an hour, and immediately when another certificate comes into use.
 *
 * @param name The certificate in log messages, such as `the client certificate`.
 */
export function createExpiryWarning(
  logger: Logger,
  name: string,
  now: () => number = Date.now,
): ExpiryWarning {
  let watched: Date | undefined;
  let warned = Number.POSITIVE_INFINITY;
  const check = () => {
    if (watched === undefined) return;
    const left = watched.getTime() - now();
    const passed = Math.min(...thresholds.filter(threshold => left < threshold), Number.POSITIVE_INFINITY);
    if (passed >= warned) return;
    warned = passed;
    const fields = { notAfter: watched.toISOString(), daysLeft: Math.floor(left / day) };
    logger.warn(fields, `${name} ${left < 0 ? 'has expired' : 'expires soon'}`);
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    watch(notAfter) {
      if (notAfter?.getTime() !== watched?.getTime()) warned = Number.POSITIVE_INFINITY;
      watched = notAfter;
      if (timer !== undefined) check();
    },
    start() {
      timer = setInterval(check, hour).unref();
      check();
    },
    close: () => clearInterval(timer),
  };
}
