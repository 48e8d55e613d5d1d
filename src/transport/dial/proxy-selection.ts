import type { ServerAddress } from '../../kubeconfig/types.js';
import { isExcludedFromProxy } from './proxy-exclusions.js';
import { type ProxySelection, parseProxyUrl } from './proxy-url.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Chooses the proxy on the way to a server, as client-go does: the kubeconfig's proxy-url, whatever NO_PROXY says, or else the
 * environment's proxy, as golang.org/x/net/http/httpproxy reads it. The scheme of the server chooses HTTPS_PROXY or HTTP_PROXY; then
 * NO_PROXY may exclude the server. Names in lower case are read too. A proxy without a scheme gets http://. Go ignores a variable that it
 * cannot parse. Here that is a problem, because a typing error must not send requests past the proxy.
 *
 * @param proxyUrl The cluster's proxy-url; undefined and empty mean none.
 * @param setting The name of that setting in a problem, with its cluster and file.
 */
export function selectProxy(
  server: ServerAddress,
  {
    proxyUrl = '',
    name: setting,
    environment,
  }: { proxyUrl?: string; name: string; environment: Environment },
): ProxySelection {
  if (proxyUrl !== '') return parseProxyUrl(proxyUrl, setting);
  const read = (...names: string[]) => names.find(name => (environment[name] ?? '') !== '');
  const name =
    server.protocol === 'https:' ? read('HTTPS_PROXY', 'https_proxy') : read('HTTP_PROXY', 'http_proxy');
  if (name === undefined) return { proxy: undefined };
  if (server.protocol === 'http:' && read('REQUEST_METHOD') !== undefined) {
    // In a CGI program, HTTP_PROXY holds the client's header `Proxy` (https://httpoxy.org). Go refuses it too, before it reads NO_PROXY.
    return {
      problem: `${name} is not used where REQUEST_METHOD is set, as in a CGI program: unset one of them`,
    };
  }
  const noProxy = environment[read('NO_PROXY', 'no_proxy') ?? ''] ?? '';
  if (isExcludedFromProxy(server, noProxy)) return { proxy: undefined };
  const text = environment[name] ?? '';
  return parseProxyUrl(text.includes('://') ? text : `http://${text}`, name);
}
