import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool, byteSize } from '../lib/value-type.js';

const options = defineOptions('API server', {
  shareWatches: {
    type: bool,
    default: 'false',
    help: 'Open one watch at the API server for all clients of a user that watch the same. Its audit log then shows one watch.',
  },
  shareWatchesBuffer: {
    type: byteSize,
    default: '256Mi',
    help: 'Memory for the recent events of all shared watches together. A client that lags behind them is cut.',
  },
});

/** The options of watches that several clients share. */
export const sharedWatches = { options, problems };

/** In bytes. A smaller buffer could not hold what arrives in one read, and no client could keep up. */
const smallestBuffer = 1024 * 1024;

function problems({ shareWatchesBuffer }: OptionValues<typeof options>): string[] {
  return shareWatchesBuffer < smallestBuffer ? ['--share-watches-buffer is less than 1Mi'] : [];
}
