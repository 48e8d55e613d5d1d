import { defineOptions, type OptionValues } from '../lib/option.js';
import {
  address,
  duration,
  oneOf,
  optionalPort,
  pathPrefix,
  port,
  processCount,
  text,
} from '../lib/value-type.js';
import { cipherSuites } from '../server/listener/cipher-suites.js';

const options = defineOptions('Listening', {
  port: {
    type: port,
    short: 'p',
    default: '8001',
    help: 'Port to listen on; 0 picks a free one.',
  },
  address: {
    type: address,
    default: '127.0.0.1',
    help: 'IP address to listen on.',
  },
  unixSocket: {
    type: text('FILE'),
    short: 'u',
    default: '',
    help: 'Unix socket to listen on instead of a port, open to its owner only.',
  },
  apiPrefix: {
    type: pathPrefix,
    default: '/',
    help: 'Prefix to serve the API under.',
  },
  www: {
    type: text('FOLDER'),
    short: 'w',
    default: '',
    help: 'Also serve the static files of this folder, under --www-prefix.',
  },
  wwwPrefix: {
    type: pathPrefix,
    short: 'P',
    default: '/static/',
    help: 'Prefix to serve static files under.',
  },
  tlsCertFile: {
    type: text('FILE'),
    default: '',
    help: 'Certificate to serve HTTPS with, and its chain; HTTP/2 and HTTP/1.1 then, and no plain HTTP.',
  },
  tlsPrivateKeyFile: {
    type: text('FILE'),
    default: '',
    help: 'Private key of --tls-cert-file.',
  },
  tlsMinVersion: {
    type: oneOf('VersionTLS12', 'VersionTLS13'),
    default: 'VersionTLS12',
    help: 'Least version of TLS to serve.',
  },
  tlsCipherSuites: {
    type: cipherSuites,
    default: '',
    help: "Cipher suites to serve TLS 1.2 with, by Go's names; by default those with ECDHE and GCM or ChaCha20.",
  },
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
  workers: {
    type: processCount,
    default: '1',
    help: 'Processes that share the port and the work; 0 is one for each core.',
  },
  shutdownDelay: {
    type: duration,
    default: '0s',
    help: 'How long /readyz fails after SIGTERM or SIGINT before anything is drained, so that load balancers notice.',
  },
  shutdownGrace: {
    type: duration,
    default: '5s',
    help: 'How long requests may take to finish after SIGTERM or SIGINT.',
  },
});

/** Where and how the program listens. */
export const listening = { options, problems };

function problems({
  unixSocket,
  port,
  www,
  wwwPrefix,
  apiPrefix,
  tlsCertFile,
  tlsPrivateKeyFile,
}: OptionValues<typeof options>): string[] {
  const found: string[] = [];
  if (unixSocket !== '' && port !== 8001) {
    found.push('--unix-socket and --port cannot be set at the same time');
  }
  if (www !== '' && wwwPrefix === apiPrefix) {
    found.push(`--www-prefix and --api-prefix are both "${apiPrefix}"`);
  }
  if (tlsCertFile === '' && tlsPrivateKeyFile !== '') {
    found.push('--tls-private-key-file needs --tls-cert-file with it');
  }
  if (tlsCertFile !== '' && tlsPrivateKeyFile === '') {
    found.push('--tls-cert-file needs --tls-private-key-file with it');
  }
  if (unixSocket !== '' && tlsCertFile !== '') {
    found.push('--unix-socket and --tls-cert-file cannot be set at the same time: TLS is for a port');
  }
  return found;
}
