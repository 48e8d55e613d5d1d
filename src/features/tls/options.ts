import { defineOptions, type OptionValues } from '../../lib/option.js';
import { oneOf, text } from '../../lib/value-type.js';

const listening = defineOptions('Listening', {
  tlsCertFile: {
    type: text('FILE'),
    default: '',
    help: 'Certificate and its chain. The port then speaks HTTPS only (HTTP/2 and HTTP/1.1).',
  },
  tlsPrivateKeyFile: { type: text('FILE'), default: '', help: 'Private key of --tls-cert-file.' },
  tlsMinVersion: {
    type: oneOf('VersionTLS12', 'VersionTLS13'),
    default: 'VersionTLS12',
    help: 'Oldest TLS version to accept.',
  },
});

const authentication = defineOptions('Authentication', {
  clientCaFile: {
    type: text('FILE'),
    default: '',
    help: "Authorities of client certificates: CN is the caller's name, each O a group. Needs --tls-cert-file.",
  },
});

export const options = { ...listening, ...authentication };

/** The values of these options, and of those of the core that say how the listener has to be. */
export interface TlsOptions extends OptionValues<typeof options> {
  readonly unixSocket: string;
  readonly allowImpersonation: boolean;
}

/** The problems of the options, one line each. */
export function tlsProblems(values: TlsOptions): string[] {
  const { tlsCertFile, tlsPrivateKeyFile, clientCaFile, unixSocket } = values;
  const found: string[] = [];
  if (tlsCertFile === '' && tlsPrivateKeyFile !== '') {
    found.push('--tls-private-key-file needs --tls-cert-file');
  }
  if (tlsCertFile !== '' && tlsPrivateKeyFile === '') {
    found.push('--tls-cert-file needs --tls-private-key-file');
  }
  if (unixSocket !== '' && tlsCertFile !== '') {
    found.push('--unix-socket and --tls-cert-file cannot be set at the same time: TLS needs a port');
  }
  if (clientCaFile !== '' && tlsCertFile === '') {
    found.push(
      '--client-ca-file needs --tls-cert-file and --tls-private-key-file: only TLS has client certificates',
    );
  }
  return found;
}
