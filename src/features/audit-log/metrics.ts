import { Counter, type Registry } from 'prom-client';

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
