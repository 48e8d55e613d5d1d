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
    const [{ configureTls }, { createClientCertificates }] = await Promise.all([
      import('./listener.js'),
      import('./client-certificate/method.js'),
    ]);
    const configured = await configureTls(values, core, metrics);
    if ('problems' in configured) return configured;
    const { listener, clientAuthorities, start, close } = configured;
    return {
      listener,
      ...(clientCaFile !== '' && { method: createClientCertificates(clientAuthorities, core.callerRules) }),
      start,
      close,
    };
  },
} as const satisfies Feature<TlsOptions, ListenerMetrics>;
