import { Gauge, type Registry } from 'prom-client';
import type { Feature } from '../../feature.js';
import type { Check, Guard } from '../../guard/guard.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { count } from '../../lib/value-type.js';
import { RequestSlots } from './request-slots.js';

const options = defineOptions('Limits', {
  maxRequestsInflight: {
    type: count,
    default: '400',
    help: 'Requests at a time, without long-running ones; more get 429. 0 is no limit.',
  },
  maxLongrunningRequests: {
    type: count,
    default: '5000',
    help: 'Long-running requests (watch, exec, logs, …) and upgrades at a time; 0 is no limit.',
  },
  maxRequestsInflightPerUser: {
    type: count,
    default: '0',
    help: 'As --max-requests-inflight, for each user; 0 is no limit.',
  },
  maxLongrunningRequestsPerUser: {
    type: count,
    default: '0',
    help: 'As --max-longrunning-requests, for each user; 0 is no limit.',
  },
});

type ReadOptions = OptionValues<typeof options> & { readonly servesClusters: boolean };

/** The slots of a program, which its metrics read. There are none before its guard is made. */
interface LimitMetrics {
  slots: RequestSlots | undefined;
}

const guard = {
  name: 'limits',
  stage: 'room',
  options,
  reasons: ['max_inflight', 'max_longrunning', 'user_inflight', 'user_longrunning'],
  judges: ({ isCounted }) => isCounted,
  create(values: ReadOptions, _parts, metrics): Check {
    const slots = new RequestSlots(values);
    metrics.slots = slots;
    return request => {
      const { caller, raw, head, record, mount, clientAddress } = request;
      const user = caller?.username ?? clientAddress ?? raw.socket.remoteAddress ?? '';
      const kind = record.longRunning || head.isUpgrade ? 'longrunning' : 'inflight';
      record.onEnd(slots[kind].take(user, mount.isApi ? request.cluster : undefined));
    };
  },
} as const satisfies Guard<ReadOptions, LimitMetrics>;

/**
 * Limits the requests of each user and of all together, so that no caller takes the capacity of others. With authentication a user is the
 * caller, without it the client's address. An upgraded connection counts as long-running, whatever its path is.
 */
export const limits = {
  name: 'limits',
  guards: [guard],
  metrics(registry: Registry): LimitMetrics {
    const metrics: LimitMetrics = { slots: undefined };
    const registers = [registry];
    new Gauge({
      name: 'kube_api_proxy_request_slots_in_use',
      help: 'Requests that count towards --max-requests-inflight and --max-longrunning-requests now; rejected requests never count.',
      labelNames: ['kind'],
      registers,
      collect() {
        const { inflight = 0, longrunning = 0 } = metrics.slots?.inUse ?? {};
        this.set({ kind: 'inflight' }, inflight);
        this.set({ kind: 'longrunning' }, longrunning);
      },
    });
    new Gauge({
      name: 'kube_api_proxy_users',
      help: 'Users whose open requests count towards a per-user limit now; 0 without such limits.',
      registers,
      collect() {
        this.set(metrics.slots?.inUse.users ?? 0);
      },
    });
    return metrics;
  },
} as const satisfies Feature<ReadOptions, LimitMetrics>;
