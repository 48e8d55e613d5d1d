import { defineOptions } from '../lib/option.js';
import { count, text } from '../lib/value-type.js';

const options = defineOptions('Audit', {
  auditLogPath: {
    type: text('FILE'),
    default: '',
    help: "File for the audit log: who did what, one audit.k8s.io/v1 Event a line. '-' is standard output; off by default.",
  },
  auditLogMaxsize: {
    type: count,
    default: '100',
    help: 'Size in megabytes at which the file is renamed and a new one is begun; 0 is never.',
  },
  auditLogMaxbackup: {
    type: count,
    default: '0',
    help: 'Number of renamed files to keep; 0 keeps all.',
  },
});

/** The options of the audit log. */
export const audit = { options };
