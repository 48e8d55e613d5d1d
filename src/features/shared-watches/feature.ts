import { totalmem } from 'node:os';
import { flagsOf, type OptionFacts } from '../../authentication/method.js';
import type { Feature } from '../../feature.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { bool, optional, type ValueType, valueType } from '../../lib/value-type.js';
import { createSharedWatchMetrics, type ShareObserver } from './metrics.js';

const units: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** A number of bytes: a whole number, with an optional decimal or binary unit. */
const byteSize: ValueType<number> = valueType('SIZE', value => {
  const [, digits, unit = ''] = /^(\d{1,9})(k|M|G|Ki|Mi|Gi)?$/.exec(value) ?? [];
  return digits === undefined
    ? 'is not a size (such as 256Mi)'
    : { value: Number(digits) * (units[unit] as number) };
});

const options = defineOptions('API server', {
  shareWatches: {
    type: bool,
    default: 'false',
    help: 'Open one watch at the API server for all clients of a user that watch the same. Its audit log then shows one watch.',
  },
  shareWatchesAcrossUsers: {
    type: bool,
    default: 'false',
    help: "The API server's audit log then names one user of each shared watch, and of the others only their reviews. With --share-watches, all users who may watch the same share one watch, and a review lets each of them in. Only for resources that the API server itself serves, and never for Secrets.",
  },
  shareWatchesBuffer: {
    type: optional(byteSize),
    default: '',
    help: 'Memory for the recent events of all shared watches together. A client that lags behind them is cut. By default a quarter of the memory limit of the container, at most 256Mi; without a limit 256Mi.',
  },
});

/** In bytes. A smaller buffer could not hold what arrives in one read, and no client could keep up. */
const smallestBuffer = 1024 * 1024;

const largestDefault = 256 * 1024 * 1024;

/**
 * The default of `--share-watches-buffer` in bytes: a quarter of the memory that the process may use, at most 256Mi, so that a small container
 * is not killed.
 *
 * @param limit As of `process.constrainedMemory()`. There is no limit if it is 0, or more than the machine has.
 */
export function defaultBuffer(limit = process.constrainedMemory(), machine = totalmem()): number {
  const isLimited = limit > 0 && limit <= machine;
  return isLimited ? Math.max(smallestBuffer, Math.min(limit / 4, largestDefault)) : largestDefault;
}

/** One watch at the API server for all clients that ask for the same as the same user, or with `across-users/` as any user who may. */
export const sharedWatches = {
  name: 'shared-watches',
  options,
  problems: (
    { shareWatches, shareWatchesAcrossUsers, shareWatchesBuffer = smallestBuffer },
    _given,
    { methods, methodsOn }: OptionFacts,
  ) => [
    ...(shareWatchesBuffer < smallestBuffer ? ['--share-watches-buffer is less than 1Mi'] : []),
    ...(shareWatchesAcrossUsers && !shareWatches
      ? ['--share-watches-across-users needs --share-watches']
      : []),
    ...(shareWatchesAcrossUsers && methodsOn.length === 0
      ? [
          `--share-watches-across-users needs a method of authentication (${flagsOf(methods)}): without one, all clients are one user`,
        ]
      : []),
  ],
  metrics: createSharedWatchMetrics,

  async create(
    { shareWatches, shareWatchesAcrossUsers, shareWatchesBuffer: buffer = defaultBuffer() },
    core,
    observer,
  ) {
    if (!shareWatches) return undefined;
    const { createWatchRoute } = await import('./watch-route.js');
    const { clock, cluster, metrics, missingRights, reviews } = core;
    const common = { observer, onFirstByte: metrics.firstByte, clock, missingRights, reviews };
    if (!shareWatchesAcrossUsers) return { route: createWatchRoute(buffer, common), close() {} };
    const { AcrossUsers } = await import('./across-users.js');
    const acrossUsers = new AcrossUsers(clock);
    return {
      route: createWatchRoute(buffer, common, of => acrossUsers.apisOf(of)),
      start: () => void acrossUsers.apisOf(cluster),
      warnings: () => acrossUsers.warnings(),
      // Watches end with their cluster.
      close() {},
    };
  },
} as const satisfies Feature<OptionValues<typeof options>, ShareObserver>;
