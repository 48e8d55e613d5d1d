import { defineOptions } from '../lib/option.js';
import { duration } from '../lib/value-type.js';

const options = defineOptions('Listening', {
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

/** How the program ends. */
export const shutdown = { options };
