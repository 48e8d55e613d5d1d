import { setImmediate } from 'node:timers/promises';
import { escapeControls } from '../log/control-characters.js';
import type { AuditMetrics } from '../metrics/audit-metrics.js';
import type { AuditEvent } from './event.js';
import type { AuditWriter } from './writer.js';

/** Maximum milliseconds that a line waits to be written together with others. */
const maxWait = 10;
/** Maximum milliseconds to wait at the end, for requests that all ended at once. */
const maxUnsettled = 500;
/** Once this many characters wait, they are written immediately. */
const maxBatch = 64 * 1024;

/** Turns events into lines, and writes several at a time. */
export class AuditLog {
  readonly #writer: Pick<AuditWriter, 'write'>;
  readonly #metrics: Pick<AuditMetrics, 'recorded'>;
  #lines = '';
  #open = 0;
  #isScheduled = false;

  constructor(writer: Pick<AuditWriter, 'write'>, metrics: Pick<AuditMetrics, 'recorded'>) {
    this.#writer = writer;
    this.#metrics = metrics;
  }

  /** A request has come; its last event will follow. */
  begin(): void {
    this.#open += 1;
  }

  append(event: AuditEvent): void {
    this.#metrics.recorded();
    if (event.stage === 'ResponseComplete') this.#open -= 1;
    this.#lines += `${escapeControls(JSON.stringify(event))}\n`;
    if (this.#lines.length >= maxBatch) this.flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setTimeout(this.#onTime, maxWait).unref();
    }
  }

  /** Waits, for a limited time, for the last event of each request: a server can finish closing just before its last connection. */
  async settled(): Promise<void> {
    const deadline = performance.now() + maxUnsettled;
    while (this.#open > 0 && performance.now() < deadline) await setImmediate();
  }

  /** Writes the lines that wait. */
  flush(): void {
    const lines = this.#lines;
    if (lines === '') return;
    this.#lines = '';
    this.#writer.write(lines);
  }

  readonly #onTime = (): void => {
    this.#isScheduled = false;
    this.flush();
  };
}
