import { Counter, type Registry } from 'prom-client';
import type { About } from './followed.js';

/** What was found out about one open stream: its right goes on, it has ended, or nobody could say it. */
type Finding = 'yes' | 'no' | 'unknown';

/** The metrics of the feature. */
export interface RecheckMetrics {
  /** It was asked about one open stream. */
  rechecked(about: About, finding: Finding): void;
}

export function createRecheckMetrics(registry: Registry): RecheckMetrics {
  const rechecks = new Counter({
    name: 'kube_api_proxy_stream_rechecks_total',
    help: 'Answers about open streams that --recheck-streams has got, by what was asked (is the caller known? has it access?) and by the answer; streams about which nobody could say it (unknown) stay open.',
    labelNames: ['about', 'answer'],
    registers: [registry],
  });
  for (const about of ['caller', 'access'])
    for (const answer of ['yes', 'no', 'unknown']) rechecks.inc({ about, answer }, 0);
  return { rechecked: (about, answer) => rechecks.inc({ about, answer }) };
}
