import { defineOptions } from '../lib/option.js';
import { bool, byteSize, duration } from '../lib/value-type.js';

const options = defineOptions('API server', {
  shareWatches: {
    type: bool,
    default: 'false',
    help: 'One watch at the API server for all clients who watch the same as the same user; its audit log then shows one.',
  },
  shareWatchesBuffer: {
    type: byteSize,
    default: '256Mi',
    help: 'Memory for recent events of shared watches, all together. A client that lags behind them is cut.',
  },
  shareWatchesResume: {
    type: duration,
    default: '30s',
    help: 'How long a shared watch that the API server ends may take to go on, before its clients are cut.',
  },
});

/** Watches that several clients share. */
export const sharedWatches = { options };
