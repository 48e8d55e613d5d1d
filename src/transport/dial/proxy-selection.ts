import type { ServerAddress } from '../../kubeconfig/types.js';
import { isExcludedFromProxy } from './proxy-exclusions.js';
import { type ProxyConfig, parseProxyUrl } from './proxy-url.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** The proxy to use, undefined for none, or one line that says why what is configured cannot be used. */
export type ProxySelection = { readonly proxy: ProxyConfig | undefined } | { readonly problem: string };

/**
 * The proxy on the way to a server, as client-go chooses it: the kubeconfig's proxy-url, which NO_PROXY does not touch,
 * and without one what `selectEnvironmentProxy` says.
 *
 * @param proxyUrl the cluster's proxy-url; undefined and empty are none.
 * @param name what a problem calls it, with the cluster and file it stands in.
 */
export function selectProxy(
  server: ServerAddress,
  { proxyUrl = '', name, environment }: { proxyUrl?: string; name: string; environment: Environment },
): ProxySelection {
  return proxyUrl === '' ? selectEnvironmentProxy(server, environment) : parseProxyUrl(proxyUrl, name);
}

/**
 * The environment's proxy, as golang.org/x/net/http/httpproxy reads it: HTTPS_PROXY or HTTP_PROXY after the server's own
 * scheme, then NO_PROXY, each in lower case too, with http:// for a proxy without a scheme. Where Go ignores a variable
 * that it cannot read, this is a problem: nobody wants to be sent past a proxy by a typing error.
 */
function selectEnvironmentProxy(server: ServerAddress, environment: Environment): ProxySelection {
  const read = (...names: string[]) => names.find(name => (environment[name] ?? '') !== '');
  const name =
    server.protocol === 'https:' ? read('HTTPS_PROXY', 'https_proxy') : read('HTTP_PROXY', 'http_proxy');
  if (name === undefined) return { proxy: undefined };
  if (server.protocol === 'http:' && read('REQUEST_METHOD') !== undefined) {
    // A CGI program's HTTP_PROXY is the client's header `Proxy` (https://httpoxy.org); Go refuses it before NO_PROXY too.
    return {
      problem: `${name} is not used where REQUEST_METHOD is set, as in a CGI program: unset one of them`,
    };
  }
  const noProxy = environment[read('NO_PROXY', 'no_proxy') ?? ''] ?? '';
  if (isExcludedFromProxy(server, noProxy)) return { proxy: undefined };
  const text = environment[name] ?? '';
  return parseProxyUrl(text.includes('://') ? text : `http://${text}`, name);
}
