import { defineOptions } from '../lib/option.js';
import { bool } from '../lib/value-type.js';

const options = defineOptions('Listening', {
  explorer: {
    type: bool,
    default: 'true',
    help: 'Serve a page at /-/ui/ that shows the API in a browser. It never writes.',
  },
});

/** The options of the page that shows the API. */
export const explorer = { options };
