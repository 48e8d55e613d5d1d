import { defineOptions, type OptionValues } from '../lib/option.js';
import { count, perSecond } from '../lib/value-type.js';

const options = defineOptions('Fair shares', {
  maxRequestsInflight: {
    type: count,
    default: '400',
    help: 'Requests that are served at a time, long-running ones not counted; more are answered 429. 0 is no limit.',
  },
  maxLongrunningRequests: {
    type: count,
    default: '5000',
    help: 'Long-running requests (watch, exec, logs, …) and upgrades that are open at a time; 0 is no limit.',
  },
  maxRequestsInflightPerUser: {
    type: count,
    default: '0',
    help: 'The same as --max-requests-inflight, for each user by itself; 0 is no limit.',
  },
  maxLongrunningRequestsPerUser: {
    type: count,
    default: '0',
    help: 'The same as --max-longrunning-requests, for each user by itself; 0 is no limit.',
  },
  rateLimit: {
    type: perSecond,
    default: '0',
    help: 'Requests a second that each user may send, of any kind; 0 is no limit.',
  },
  rateLimitBurst: {
    type: count,
    default: '100',
    help: 'Requests that a user may send at once after a pause, before --rate-limit counts.',
  },
});

/** How much one caller may take. */
export const fairShares = { options, problems };

function problems({ rateLimit, rateLimitBurst }: OptionValues<typeof options>): string[] {
  return rateLimit > 0 && rateLimitBurst === 0
    ? ['--rate-limit-burst is 0, which lets no request pass while --rate-limit is set']
    : [];
}
