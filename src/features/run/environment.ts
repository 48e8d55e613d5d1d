/** Variables by their names. */
type Environment = Readonly<Record<string, string | undefined>>;

/** Where the command finds its kubeconfig, and where it may keep what it has discovered. */
interface CommandFiles {
  readonly kubeconfig: string;
  /** kubectl names folders of its cache after the server's URL, which has the secret. */
  readonly cache: string;
}

/**
 * Variables that lead clients past the kubeconfig, or would give the flags of this proxy to another one in the command. Libraries take the
 * token of a Pod's service account if the variables of the Service kubernetes are set.
 */
const removed = /^(?:KUBE_API_PROXY_.*|KUBERNETES_SERVICE_(?:HOST|PORT)|HELM_KUBE.*)$/;

const loopback = '127.0.0.1';

/** The environment of the command. Its requests to the proxy go through no proxy server of the network. */
export function commandEnvironment(env: Environment, { kubeconfig, cache }: CommandFiles): Environment {
  const kept = Object.entries(env).filter(([name]) => !removed.test(name));
  // Some programs read the one, and some the other first.
  const { NO_PROXY, no_proxy } = env;
  return {
    ...Object.fromEntries(kept),
    NO_PROXY: withLoopback(NO_PROXY ?? no_proxy),
    no_proxy: withLoopback(no_proxy ?? NO_PROXY),
    KUBECONFIG: kubeconfig,
    KUBECACHEDIR: cache,
  };
}

/** curl understands `*` only if it stands alone. */
function withLoopback(hosts = ''): string {
  if (hosts.trim() === '*' || hosts.split(',').some(host => host.trim() === loopback)) return hosts;
  return hosts.trim() === '' ? loopback : `${hosts},${loopback}`;
}
