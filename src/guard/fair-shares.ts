import type { Cluster } from '../clusters/cluster.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { count, perSecond } from '../lib/value-type.js';
import type { RequestContext } from '../request/context.js';
import { type Check, countedMounts, type Guard, type GuardParts } from './guard.js';
import { type RequestSlots, Slot, slotReasons } from './request-slots.js';

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
  rateLimit: {
    type: perSecond,
    default: '0',
    help: 'Requests of any kind that each user may send in a second; 0 is no limit.',
  },
  rateLimitBurst: {
    type: count,
    default: '100',
    help: 'Requests that a user may send at once before --rate-limit counts.',
  },
});

/** Limits the requests of each user and of all together, so that no caller takes the capacity of others. */
export const fairShares = {
  name: 'fair shares',
  options,
  reasons: slotReasons,
  judges: countedMounts,
  problems: ({ rateLimit, rateLimitBurst }: OptionValues<typeof options>) =>
    rateLimit > 0 && rateLimitBurst === 0
      ? ['--rate-limit-burst is 0, which lets no request pass while --rate-limit is set']
      : [],
  create({ allContexts }: { readonly allContexts: boolean }, { slots }: GuardParts): Check {
    return request =>
      takeSlot(slots, request, allContexts && request.mount.isApi ? request.cluster : undefined);
  },
} as const satisfies Guard;

/**
 * With authentication a user is the caller, without it the remote address. An upgraded connection counts as long-running, whatever its path
 * is.
 */
function takeSlot(
  slots: RequestSlots,
  request: RequestContext,
  cluster: Cluster | undefined,
): Promise<never> | undefined {
  const { caller, raw, record } = request;
  const user = caller?.username ?? raw.socket.remoteAddress ?? '';
  const slot = slots.take(user, record.longRunning || raw.upgrade ? 'longrunning' : 'inflight', cluster);
  if (slot instanceof Slot) {
    request.onEnd(() => slot.release());
    return undefined;
  }
  const { rejection, delay } = slot;
  // It also counts for a client that leaves before the answer.
  record.failure = rejection;
  if (delay === undefined) throw rejection;
  return delay.then(() => {
    throw rejection;
  });
}
