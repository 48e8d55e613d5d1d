import { defineOptions } from '../lib/option.js';
import { optionalBaseUrl } from '../lib/value-type.js';

const options = defineOptions('Listening', {
  publicUrl: {
    type: optionalBaseUrl,
    default: '',
    help: 'URL at which clients reach the proxy, for /-/kubeconfig; by default that of each request.',
  },
});

/** The URL at which clients reach the main listener. */
export const publicUrl = { options };
