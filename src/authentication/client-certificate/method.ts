import { defineOptions, type OptionValues } from '../../lib/option.js';
import { text } from '../../lib/value-type.js';
import { admitUser } from '../identity.js';
import type { CoreMethod } from '../method.js';

const options = defineOptions('Authentication', {
  clientCaFile: {
    type: text('FILE'),
    default: '',
    help: "Authorities of client certificates: CN is the caller's name, each O a group. Needs --tls-cert-file.",
  },
});

interface Options extends OptionValues<typeof options> {
  readonly tlsCertFile: string;
}

/** Authenticates callers by their client certificates. The listener's TLS handshake verifies them. */
export const clientCertificate = {
  name: 'client_certificate',
  flag: '--client-ca-file',
  hint: 'present a client certificate of --client-ca-file',
  sendsSecret: false,
  options,

  problems({ clientCaFile, tlsCertFile }: Options) {
    return clientCaFile !== '' && tlsCertFile === ''
      ? [
          '--client-ca-file needs --tls-cert-file and --tls-private-key-file: only TLS has client certificates',
        ]
      : [];
  },

  isOn: ({ clientCaFile }) => clientCaFile !== '',

  async create(_options, { clientAuthorities, callerRules }) {
    const { createClientCertificateAuthenticator } = await import('./authenticator.js');
    const fields = {
      'client-certificate': 'PATH-OF-YOUR-CERTIFICATE',
      'client-key': 'PATH-OF-YOUR-KEY',
    };
    const authenticator = createClientCertificateAuthenticator(clientAuthorities, user =>
      admitUser(user, { ...callerRules, serviceAccounts: false }),
    );
    return {
      method: {
        authenticator,
        rechecker: authenticator,
        kubeconfigUsers: () => [{ fields, isComplete: false, isPerCluster: false }],
      },
      close() {},
    };
  },
} satisfies CoreMethod<Options>;
