import type { Feature } from '../../feature.js';
import { createListenerMetrics, type ListenerMetrics } from './metrics.js';
import { options, type TlsOptions, tlsProblems } from './options.js';

/** The main listener with TLS, HTTP/1.1 and HTTP/2, and callers who have a client certificate. */
export const tls = {
  name: 'tls',
  options,
  problems: tlsProblems,
  metrics: createListenerMetrics,
  listener: {
    flag: '--tls-cert-file and --tls-private-key-file',
    isOn: ({ tlsCertFile }) => tlsCertFile !== '',
  },
  method: {
    name: 'client_certificate',
    flag: '--client-ca-file',
    hint: 'present a client certificate of --client-ca-file',
    sendsSecret: false,
    isOn: ({ clientCaFile }) => clientCaFile !== '',
  },

  async create(values, core, metrics) {
    const { tlsCertFile, tlsPrivateKeyFile, clientCaFile } = values;
    if (tlsCertFile === '' && tlsPrivateKeyFile === '' && clientCaFile === '') return undefined;
    // The problems of the options say already what is missing.
    if (tlsCertFile === '' || tlsPrivateKeyFile === '') return { problems: [] };
    // With node:http2 this takes 4 % of a start.
    const { configureTls } = await import('./listener.js');
    return configureTls(values, core, metrics);
  },
} as const satisfies Feature<TlsOptions, ListenerMetrics>;
