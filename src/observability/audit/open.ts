import type { Logger } from '../log/logger.js';
import type { AuditMetrics } from '../metrics/audit-metrics.js';
import { AuditLog } from './log.js';
import { AuditWriter, type AuditWriterEvents } from './writer.js';

/** What of the command line concerns the audit log. */
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
  /** Writes whole lines that another process has made. */
  take(lines: string): void;
  /** Somebody has moved the file away: what comes from now on goes to the one that has its name. */
  reopen(): void;
  /** Writes what is left, of requests that are ending as well. */
  close(): Promise<void>;
}

const megabyte = 1024 * 1024;
/** Milliseconds between two lines in the program's log about one and the same trouble. */
const quiet = 30_000;

/** Opens the audit log. Rejects with what the system says where its file cannot be opened. */
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
    take: lines => writer.write(lines),
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
  let failureToldAt = -quiet;
  let dropsToldAt = -quiet;
  let dropped = 0;
  return {
    failed(err) {
      metrics.failed();
      const now = performance.now();
      if (now - failureToldAt < quiet) return;
      failureToldAt = now;
      logger.error({ err }, 'audit log cannot be written; it is tried again every second');
    },
    recovered() {
      failureToldAt = -quiet;
      logger.info({ dropped }, 'audit log is written again');
      dropped = 0;
    },
    dropped(events) {
      metrics.dropped(events);
      dropped += events;
      const now = performance.now();
      if (now - dropsToldAt < quiet) return;
      dropsToldAt = now;
      logger.error({ events }, 'audit events are lost, because the audit log cannot be written');
    },
  };
}
