import { defineOptions } from '../lib/option.js';
import { address, optionalPort } from '../lib/value-type.js';

const options = defineOptions('Listening', {
  adminPort: {
    type: optionalPort,
    default: '',
    help: 'Port of a second listener, with /metrics, /livez and /readyz of the proxy only; off by default.',
  },
  adminAddress: {
    type: address,
    default: '0.0.0.0',
    help: 'IP address that --admin-port listens on.',
  },
});

/** The options of the second listener. */
export const adminListener = { options };
