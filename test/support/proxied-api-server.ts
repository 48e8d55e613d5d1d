import type { FakeApiServer, FakeApiServerOptions } from './fake-api-server.js';
import { startFakeApiServer } from './fake-api-server.js';
import { type ProxyProcess as RunningProxy, startProxy, writeAdminKubeconfig } from './proxy.js';

/** The built program in front of an embedded API server, as its admin. */
export interface ProxiedApiServer {
  readonly server: FakeApiServer;
  readonly proxy: RunningProxy;
  /** Stops both. */
  close(): Promise<void>;
}

/** Starts an embedded API server and the built program in front of it; `cluster` adds to the kubeconfig's cluster. */
export async function startProxiedApiServer(
  options: FakeApiServerOptions = {},
  args: readonly string[] = [],
  cluster: Readonly<Record<string, unknown>> = {},
): Promise<ProxiedApiServer> {
  const server = await startFakeApiServer(options);
  const kubeconfig = await writeAdminKubeconfig(server, cluster);
  const proxy = await startProxy([`--kubeconfig=${kubeconfig.path}`, ...args]);
  return {
    server,
    proxy,
    close: async () => {
      await proxy.stop('SIGKILL');
      await server.kill();
      await kubeconfig.remove();
    },
  };
}
