import { defineOptions } from '../lib/option.js';
import { duration, processCount } from '../lib/value-type.js';

const options = defineOptions('Listening', {
  workers: {
    type: processCount,
    default: '1',
    help: 'Processes that share the port and the work; 0 is one for each core.',
  },
  shutdownDelay: {
    type: duration,
    default: '0s',
    help: 'How long /-/readyz fails after SIGTERM or SIGINT before the shutdown begins, so that load balancers notice.',
  },
  shutdownGrace: {
    type: duration,
    default: '5s',
    help: 'How long requests may take to finish after SIGTERM or SIGINT.',
  },
});

/** How many processes there are, and how they end. */
export const processes = { options };
