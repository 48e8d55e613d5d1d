import { isIPv4, isIPv6 } from 'node:net';
import { flagsOf } from '../authentication/method.js';
import { defineOptions, type OptionValues } from '../lib/option.js';
import { bool } from '../lib/value-type.js';
import { authenticationMethods, type FactOptions, isEncrypted, listeners, methodsOn } from './facts.js';

const options = defineOptions('Authentication', {
  insecureAllowUnauthenticated: {
    type: bool,
    default: 'false',
    help: "Allow an --address beyond loopback without authentication: everyone there acts as the kubeconfig's user.",
  },
});

/** Where the main listener listens. */
interface ListenerOptions {
  readonly unixSocket: string;
  readonly address: string;
}

type ExposureOptions = OptionValues<typeof options> & FactOptions & ListenerOptions;

/** Checks who can reach the main listener, and whether callers there have to authenticate. */
export const exposure = { options, problems };

/** Whether other machines can reach the main listener. A host name counts as reachable, except localhost. */
export function isBeyondLoopback({ unixSocket, address }: ListenerOptions): boolean {
  if (unixSocket !== '' || address === 'localhost') return false;
  if (isIPv4(address)) return !address.startsWith('127.');
  if (!isIPv6(address)) return true;
  return !/^(?:[0:]*:0{0,3}1|[0:]*:ffff:(?:127\.\d+\.\d+\.\d+|7f[0-9a-f]{2}:[0-9a-f]{1,4}))$/i.test(address);
}

/** Whether callers from other machines act as the kubeconfig's user without authentication. */
export function isOpenToOthers(options: FactOptions & ListenerOptions): boolean {
  return isBeyondLoopback(options) && methodsOn(options).length === 0;
}

/**
 * Rejects options that expose the kubeconfig's user to the network. Listening beyond loopback without authentication has to be allowed
 * explicitly. Callers' secrets that cross the network unencrypted are never allowed.
 */
function problems(options: ExposureOptions): string[] {
  if (!isBeyondLoopback(options)) return [];
  const { address, insecureAllowUnauthenticated } = options;
  const where = `--address: ${JSON.stringify(address)} can be reached from other machines`;
  const found: string[] = [];
  if (isOpenToOthers(options) && !insecureAllowUnauthenticated) {
    found.push(
      `${where}, and everyone there would act as the kubeconfig's user; authenticate callers (${flagsOf(authenticationMethods)}), ` +
        'listen on 127.0.0.1 or --unix-socket, or accept it with --insecure-allow-unauthenticated',
    );
  }
  const secrets = methodsOn(options).filter(({ sendsSecret }) => sendsSecret);
  if (secrets.length > 0 && !isEncrypted(options)) {
    found.push(
      `${where}, and the tokens of ${flagsOf(secrets)} would cross the network unencrypted; ` +
        `${listeners.length === 0 ? '' : `set ${flagsOf(listeners)}, or `}listen on 127.0.0.1 or --unix-socket`,
    );
  }
  return found;
}
