import { AuditLog } from '../observability/audit/log.js';
import type { OpenAuditLog } from '../observability/audit/open.js';
import type { AuditMetrics } from '../observability/metrics/audit-metrics.js';

/** How lines come to the process that has the file. */
interface Remote {
  tell(lines: string): void;
  /** Settles when what was told before has come. */
  heard(): Promise<unknown>;
}

/** An audit log whose lines another process writes, which takes care of the file. */
export function createRemoteAuditLog(remote: Remote, metrics: AuditMetrics): OpenAuditLog {
  const log = new AuditLog({ write: remote.tell }, metrics);
  return {
    log,
    take: remote.tell,
    reopen() {},
    async close() {
      await log.settled();
      log.flush();
      await remote.heard();
    },
  };
}
