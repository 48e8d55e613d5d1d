import { isIPv4, isIPv6 } from 'node:net';
import type { Options } from './table.js';

/** A way for clients to say who they are. */
interface AuthenticationMethod {
  /** The flag that turns it on, with its dashes. */
  readonly flag: string;
  /** Whether clients send a secret that whoever reads it can use. */
  readonly sendsSecret: boolean;
}

/** Every method, and the seam for more: what turns it on, and whether its credential is a secret on the wire. */
const methods: readonly (AuthenticationMethod & { readonly isOn: (options: Options) => boolean })[] = [
  { flag: '--client-ca-file', sendsSecret: false, isOn: ({ clientCaFile }) => clientCaFile !== '' },
  { flag: '--token-auth-file', sendsSecret: true, isOn: ({ tokenAuthFile }) => tokenAuthFile !== '' },
  { flag: '--oidc-issuer-url', sendsSecret: true, isOn: ({ oidcIssuerUrl }) => oidcIssuerUrl !== '' },
  {
    flag: '--authentication-token-webhook',
    sendsSecret: true,
    isOn: ({ authenticationTokenWebhook }) => authenticationTokenWebhook,
  },
];

/** The methods that the options turn on. */
export function authenticationMethods(options: Options): readonly AuthenticationMethod[] {
  return methods.filter(({ isOn }) => isOn(options));
}

/** Whether the main listener can be reached from other machines; for a name that is not an address the answer is yes. */
export function isBeyondLoopback({ unixSocket, address }: Options): boolean {
  if (unixSocket !== '' || address === 'localhost') return false;
  if (isIPv4(address)) return !address.startsWith('127.');
  if (!isIPv6(address)) return true;
  return !/^(?:[0:]*:0{0,3}1|[0:]*:ffff:(?:127\.\d+\.\d+\.\d+|7f[0-9a-f]{2}:[0-9a-f]{1,4}))$/i.test(address);
}

/**
 * Options that give the kubeconfig's user to the network: listening beyond loopback without asking clients who they are, unless
 * that is said to be meant, or with secrets that pass over the network in the clear, which cannot be meant.
 */
export function openDoors(options: Options): string[] {
  if (!isBeyondLoopback(options)) return [];
  const { address, insecureAllowUnauthenticated, tlsCertFile } = options;
  const where = `--address: ${JSON.stringify(address)} can be reached from other machines`;
  const configured = authenticationMethods(options);
  const problems: string[] = [];
  if (configured.length === 0 && !insecureAllowUnauthenticated) {
    const ways = methods.map(({ flag }) => flag).join(', ');
    problems.push(
      `${where}, and everyone there would be the kubeconfig's user; ask clients who they are (${ways}), ` +
        'listen on 127.0.0.1 or --unix-socket, or accept it with --insecure-allow-unauthenticated',
    );
  }
  const secrets = configured.filter(({ sendsSecret }) => sendsSecret).map(({ flag }) => flag);
  if (secrets.length > 0 && tlsCertFile === '') {
    problems.push(
      `${where}, and the tokens of ${secrets.join(', ')} would pass there unencrypted; ` +
        'set --tls-cert-file and --tls-private-key-file, or listen on 127.0.0.1 or --unix-socket',
    );
  }
  return problems;
}
