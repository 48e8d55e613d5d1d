import { AuditLog } from '../observability/audit/log.js';
import type { OpenAuditLog } from '../observability/audit/open.js';
import type { AuditMetrics } from '../observability/metrics/audit-metrics.js';

/** Sends lines to the process that has the file open. */
interface Remote {
  send(lines: string): void;
  /** Settles when everything that was sent before has arrived. */
  heard(): Promise<unknown>;
}

/** An audit log whose lines are written to the file by another process. */
export function createRemoteAuditLog(remote: Remote, metrics: AuditMetrics): OpenAuditLog {
  const log = new AuditLog({ write: remote.send }, metrics);
  return {
    log,
    take: remote.send,
    reopen() {},
    async close() {
      await log.settled();
      log.flush();
      await remote.heard();
    },
  };
}
