import { setImmediate } from 'node:timers/promises';
import { Counter, type Registry } from 'prom-client';
import { LineFile, type LineFileEvents } from '../../observability/line-file.js';
import { escapeControls } from '../../observability/log/control-characters.js';
import type { Logger } from '../../observability/log/logger.js';
import type { AuditEvent } from './event.js';

/** The metrics of the audit log. */
export type AuditMetrics = ReturnType<typeof createAuditMetrics>;

/** Adds the metrics to a registry. They start at 0. */
export function createAuditMetrics(registry: Registry) {
  const registers = [registry];
  const events = new Counter({
    name: 'kube_api_proxy_audit_events_total',
    help: 'Events for the audit log, including dropped ones.',
    registers,
  });
  const errors = new Counter({
    name: 'kube_api_proxy_audit_errors_total',
    help: 'Failed attempts to write or reopen the audit log; the proxy tries again every second.',
    registers,
  });
  const dropped = new Counter({
    name: 'kube_api_proxy_audit_dropped_events_total',
    help: 'Events that are missing in the audit log because it could not be written for too long.',
    registers,
  });
  return {
    /** An event was made. */
    recorded: () => events.inc(),
    /** Writing or reopening the file failed; the log tries again. */
    failed: () => errors.inc(),
    /** How many events were lost because too many waited for the file. */
    dropped: (count: number) => dropped.inc(count),
  };
}

/** Where trouble with the file is reported. */
interface AuditLogParts {
  readonly metrics: AuditMetrics;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

/** Maximum milliseconds that a line waits to be written together with others. */
const maxWait = 10;
/** Maximum milliseconds to wait at the end, for requests that all ended at once. */
const maxUnsettled = 500;
/** Once this many characters wait, they are written immediately. */
const maxBatch = 64 * 1024;
/** Minimum milliseconds between two lines in the program's log about the same problem. */
const quiet = 30_000;

/** Turns events into lines, and writes several at a time. */
export class AuditLog {
  readonly #file: Pick<LineFile, 'write' | 'reopen' | 'close'>;
  readonly #metrics: Pick<AuditMetrics, 'recorded'>;
  #lines = '';
  #open = 0;
  #isScheduled = false;

  constructor(file: Pick<LineFile, 'write' | 'reopen' | 'close'>, metrics: Pick<AuditMetrics, 'recorded'>) {
    this.#file = file;
    this.#metrics = metrics;
  }

  /** Opens the file; `-` is standard output. Rejects with the system's error. */
  static async open(path: string, { metrics, logger }: AuditLogParts): Promise<AuditLog> {
    return new AuditLog(await LineFile.open(path, report(metrics, logger)), metrics);
  }

  /** A request has come; its last event will follow. */
  begin(): void {
    this.#open += 1;
  }

  append(event: AuditEvent): void {
    this.#metrics.recorded();
    if (event.stage === 'ResponseComplete') this.#open -= 1;
    this.#lines += `${escapeControls(JSON.stringify(event))}\n`;
    if (this.#lines.length >= maxBatch) this.#flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setTimeout(this.#onTime, maxWait).unref();
    }
  }

  /** Call this after the file was renamed: further lines go to a file that is opened by its path again. */
  reopen(): void {
    this.#file.reopen();
  }

  /** Writes the last lines, also those of requests that are ending: a server can finish closing just before its last connection. */
  async close(): Promise<void> {
    const deadline = performance.now() + maxUnsettled;
    while (this.#open > 0 && performance.now() < deadline) await setImmediate();
    this.#flush();
    await this.#file.close();
  }

  readonly #onTime = (): void => {
    this.#isScheduled = false;
    this.#flush();
  };

  #flush(): void {
    const lines = this.#lines;
    if (lines === '') return;
    this.#lines = '';
    this.#file.write(lines);
  }
}

function report(metrics: AuditMetrics, logger: AuditLogParts['logger']): LineFileEvents {
  let failureLoggedAt = -quiet;
  let dropsLoggedAt = -quiet;
  let dropped = 0;
  return {
    failed(err) {
      metrics.failed();
      const now = performance.now();
      if (now - failureLoggedAt < quiet) return;
      failureLoggedAt = now;
      logger.error({ err }, 'cannot write the audit log; trying again every second');
    },
    recovered() {
      failureLoggedAt = -quiet;
      logger.info({ dropped }, 'the audit log can be written again');
      dropped = 0;
    },
    dropped(events) {
      metrics.dropped(events);
      dropped += events;
      const now = performance.now();
      if (now - dropsLoggedAt < quiet) return;
      dropsLoggedAt = now;
      logger.error({ events }, 'audit events are lost because the audit log cannot be written');
    },
  };
}
