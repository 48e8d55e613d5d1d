import { defineOptions } from '../lib/option.js';
import { count, text } from '../lib/value-type.js';

const options = defineOptions('Audit', {
  auditLogPath: {
    type: text('FILE'),
    default: '',
    help: "File that who did what is appended to, one audit.k8s.io/v1 Event a line; '-' is standard output, none by default.",
  },
  auditLogMaxsize: {
    type: count,
    default: '100',
    help: 'Megabytes at which the file is renamed, its name with the time, and another one begun; 0 is never.',
  },
  auditLogMaxbackup: {
    type: count,
    default: '0',
    help: 'Renamed files that are kept, the latest ones; 0 keeps all.',
  },
});

/** The audit log. */
export const audit = { options };
