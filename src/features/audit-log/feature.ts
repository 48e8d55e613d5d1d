import type { Feature } from '../../feature.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { describeFileError } from '../../lib/read-file.js';
import { text } from '../../lib/value-type.js';
import { AuditLog, type AuditMetrics, createAuditMetrics } from './log.js';
import { RequestAudit } from './request-audit.js';

const options = defineOptions('Logging', {
  auditLogPath: {
    type: text('FILE'),
    default: '',
    help: "File for the audit log: who did what, one audit.k8s.io/v1 Event a line. SIGHUP opens it again; '-' is standard output; off by default.",
  },
});

/** Who did what: events of audit.k8s.io in a file or on standard output. */
export const auditLog = {
  name: 'audit-log',
  options,
  metrics: createAuditMetrics,
  followsHangup: ({ auditLogPath: path }) => path !== '' && path !== '-',
  async create({ auditLogPath: path }, { logger }, metrics) {
    if (path === '') return undefined;
    let log: AuditLog;
    try {
      log = await AuditLog.open(path, { metrics, logger });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const reason = code === 'ENOENT' ? 'its folder does not exist' : describeFileError(error);
      return { problems: [`--audit-log-path: "${path}": ${reason}`] };
    }
    return {
      recorder: {
        begin: (request, info, longRunning) => new RequestAudit(request, info, { longRunning, log }),
      },
      usesStdout: path === '-' ? '--audit-log-path' : undefined,
      hangup: () => log.reopen(),
      close: () => log.close(),
    };
  },
} as const satisfies Feature<OptionValues<typeof options>, AuditMetrics>;
