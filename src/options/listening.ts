import { isIP } from 'node:net';
import { defineOptions, type OptionValues } from '../lib/option.js';
import {
  address,
  duration,
  optional,
  optionalBaseUrl,
  port,
  text,
  type ValueType,
  valueType,
} from '../lib/value-type.js';

/** A path prefix. A missing leading or trailing slash is added. A prefix below `/-/` is rejected, because that path is the proxy's own. */
const pathPrefix: ValueType<string> = valueType('PREFIX', value => {
  const rooted = value.startsWith('/') ? value : `/${value}`;
  const prefix = rooted.endsWith('/') ? rooted : `${rooted}/`;
  if (/[\s?#\\]/.test(prefix)) return 'is not a path prefix';
  return prefix.startsWith('/-/') ? "is under /-/, which holds the proxy's own endpoints" : { value: prefix };
});

/** Addresses and networks, separated by commas. */
const networks: ValueType<readonly string[]> = {
  placeholder: 'CIDR,…',
  separator: ',',
  parse(value, where) {
    const all = value.split(',').filter(network => network !== '');
    const bad = all.filter(network => !isNetwork(network));
    if (bad.length === 0) return { value: all };
    return {
      problems: bad.map(
        network => `${where}: ${JSON.stringify(network)} is not a network (such as 10.0.0.0/8)`,
      ),
    };
  },
};

/** The package also takes names of networks, and masks. */
function isNetwork(text: string): boolean {
  const [, address = '', prefix = '1'] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  return (
    version !== 0 &&
    !address.includes('%') &&
    Number(prefix) >= 1 &&
    Number(prefix) <= (version === 4 ? 32 : 128)
  );
}

const options = defineOptions('Listening', {
  port: { type: port, short: 'p', default: '8001', help: 'Port to listen on; 0 picks a free one.' },
  address: {
    type: address,
    default: '127.0.0.1',
    help: 'IP address to listen on. One that other machines reach needs authentication, or --insecure-allow-unauthenticated.',
  },
  unixSocket: {
    type: text('FILE'),
    short: 'u',
    default: '',
    help: 'Unix socket to listen on instead of a port; only its owner can open it.',
  },
  apiPrefix: { type: pathPrefix, default: '/', help: 'Prefix to serve the API under.' },
  www: {
    type: text('FOLDER'),
    short: 'w',
    default: '',
    help: 'Folder of static files to serve below --www-prefix.',
  },
  wwwPrefix: {
    type: pathPrefix,
    short: 'P',
    default: '/static/',
    help: 'Prefix to serve static files under.',
  },
  shutdownDelay: {
    type: duration,
    default: '0s',
    help: 'How long /-/readyz fails after SIGTERM or SIGINT before the shutdown begins, so that load balancers notice.',
  },
  shutdownGrace: {
    type: duration,
    default: '5s',
    help: 'How long the shutdown may take after --shutdown-delay. Watches and logs end at once; upgrades and other answers are cut after 80 % of it.',
  },
  trustedProxies: {
    type: networks,
    default: '',
    help: 'Networks of load balancers whose X-Forwarded-For has the address of the client, for the log, the limits and the audit log.',
  },
  publicUrl: {
    type: optionalBaseUrl,
    default: '',
    help: 'URL at which clients reach the proxy, for /-/kubeconfig and the page where people sign in; by default that of each request.',
  },
  adminPort: {
    type: optional(port),
    default: '',
    help: 'Port of a second listener of plain HTTP, with the /metrics, /livez and /readyz of the proxy, and for clients on this machine /streams, its open streams. The main one has no /-/metrics then. It never serves the API. Off by default.',
  },
  adminAddress: { type: address, default: '0.0.0.0', help: 'IP address that --admin-port listens on.' },
});

/** Where the program listens, what it serves there, and how it ends. */
export const listening = { options, problems };

function problems({ unixSocket, port, www, wwwPrefix, apiPrefix }: OptionValues<typeof options>): string[] {
  const found: string[] = [];
  if (unixSocket !== '' && port !== 8001) {
    found.push('--unix-socket and --port cannot be set at the same time');
  }
  if (www !== '' && wwwPrefix === apiPrefix) {
    found.push(`--www-prefix and --api-prefix are both "${apiPrefix}"`);
  }
  return found;
}
