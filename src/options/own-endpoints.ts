import { defineOptions } from '../lib/option.js';
import { address, bool, optional, optionalBaseUrl, port } from '../lib/value-type.js';

const options = defineOptions('Listening', {
  publicUrl: {
    type: optionalBaseUrl,
    default: '',
    help: 'URL at which clients reach the proxy, for /-/kubeconfig; by default that of each request.',
  },
  explorer: {
    type: bool,
    default: 'true',
    help: 'Serve a page at /-/ui/ that shows the API in a browser. It never writes.',
  },
  adminPort: {
    type: optional(port),
    default: '',
    help: 'Port of a second listener, with /metrics, /livez and /readyz of the proxy only; off by default.',
  },
  adminAddress: {
    type: address,
    default: '0.0.0.0',
    help: 'IP address that --admin-port listens on.',
  },
});

/** The options of what the proxy answers itself, on the main listener and on a second one. */
export const ownEndpoints = { options };
