import { defineOptions } from '../lib/option.js';
import { address, optionalPort } from '../lib/value-type.js';

const options = defineOptions('Listening', {
  adminPort: {
    type: optionalPort,
    default: '',
    help: "Port of a second listener with the proxy's own /metrics, /livez and /readyz, and nothing else; none by default.",
  },
  adminAddress: {
    type: address,
    default: '0.0.0.0',
    help: 'IP address that --admin-port listens on.',
  },
});

/** The second listener. */
export const adminListener = { options };
