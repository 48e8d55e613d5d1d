import type { Logger } from '../log/logger.js';
import type { AuditMetrics } from '../metrics/audit-metrics.js';
import { AuditLog } from './log.js';
import { AuditWriter, type AuditWriterEvents } from './writer.js';

/** The options of the audit log. */
export interface AuditLogOptions {
  /** `-` is standard output. */
  readonly auditLogPath: string;
  /** Megabytes (1,048,576 bytes). */
  readonly auditLogMaxsize: number;
  readonly auditLogMaxbackup: number;
}

/** An audit log and the file that it goes to. */
export interface OpenAuditLog {
  readonly log: AuditLog;
  /** Call this after the file was renamed: further lines go to a file that is opened by its path again. */
  reopen(): void;
  /** Writes the last lines, also those of requests that are ending. */
  close(): Promise<void>;
}

const megabyte = 1024 * 1024;
/** Minimum milliseconds between two lines in the program's log about the same problem. */
const quiet = 30_000;

/** Opens the audit log. Rejects with the system's error if the file cannot be opened. */
export async function openAuditLog(
  options: AuditLogOptions,
  { metrics, logger }: { readonly metrics: AuditMetrics; readonly logger: Logger },
): Promise<OpenAuditLog> {
  const writer = await AuditWriter.open(
    {
      path: options.auditLogPath,
      maxSize: options.auditLogMaxsize * megabyte,
      maxBackups: options.auditLogMaxbackup,
    },
    report(metrics, logger),
  );
  const log = new AuditLog(writer, metrics);
  return {
    log,
    reopen() {
      log.flush();
      writer.reopen();
    },
    async close() {
      await log.settled();
      log.flush();
      await writer.close();
    },
  };
}

function report(metrics: AuditMetrics, logger: Logger): AuditWriterEvents {
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
