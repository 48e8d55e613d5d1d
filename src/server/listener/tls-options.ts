import { defineOptions, type OptionValues } from '../../lib/option.js';
import { oneOf, text } from '../../lib/value-type.js';

const options = defineOptions('Listening', {
  tlsCertFile: {
    type: text('FILE'),
    default: '',
    help: 'Certificate and its chain. The port then speaks HTTPS only (HTTP/2 and HTTP/1.1).',
  },
  tlsPrivateKeyFile: {
    type: text('FILE'),
    default: '',
    help: 'Private key of --tls-cert-file.',
  },
  tlsMinVersion: {
    type: oneOf('VersionTLS12', 'VersionTLS13'),
    default: 'VersionTLS12',
    help: 'Oldest TLS version to accept.',
  },
});

export type TlsOptions = OptionValues<typeof options>;

/** TLS of the main listener. */
export const tls = { options, problems };

function problems({
  tlsCertFile,
  tlsPrivateKeyFile,
  unixSocket,
}: TlsOptions & { readonly unixSocket: string }): string[] {
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
  return found;
}
