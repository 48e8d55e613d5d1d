import type { ServingFiles } from '../certificates/serving-files.js';
import { send } from '../clients/http-client.js';
import { eventually } from '../eventually.js';
import type { KnownUser } from '../fake-api-server/authentication.js';
import { type FakeApiServer, startFakeApiServer } from '../fake-api-server/fake-api-server.js';
import { startInProcess } from '../proxy/in-process.js';
import { writeKubeconfig } from '../proxy/kubeconfig-file.js';
import type { Scope } from '../scope.js';
import { type FoundServer, kubeconfigOf, secretOf } from './found-objects.js';

/** The token of the Secret of a found cluster: there its user may do everything. */
export const tokenOfSecret = 'token-of-the-secret';
/** The token of the gateway at the cluster of `/`. */
export const tokenOfGateway = 'token-of-the-gateway';
const namespace = 'fleet';

/** What a gateway with found clusters is started with. */
interface FoundGatewayOptions {
  readonly flags?: readonly string[];
  /** Starts the program; by default in the test's own process. */
  readonly run?: typeof startInProcess;
  /** Which loopback servers are allowed, as --clusters-from-servers; by default all at 127.0.0.1. */
  readonly servers?: string;
  /** By default it serves plain HTTP. */
  readonly files?: ServingFiles;
  /** The users that the API server of `/` knows, by token. */
  readonly tokens?: Readonly<Record<string, KnownUser>>;
}

/** A gateway, the API server of `/`, which has the Secrets, and that of a found cluster. They end with the scope. */
export async function startFoundGateway(
  scope: Scope,
  {
    flags = [],
    run = startInProcess,
    tokens = {},
    files,
    servers = '127\\.0\\.0\\.1',
  }: FoundGatewayOptions = {},
) {
  const admin = (username: string) => ({ username, groups: ['system:masters'] });
  const [home, found] = await Promise.all([
    startFakeApiServer({
      ...{ clientCertificates: 'optional', allow: () => true },
      tokens: { [tokenOfGateway]: admin('gateway'), ...tokens },
    }),
    startFakeApiServer({
      clientCertificates: 'optional',
      allow: () => true,
      tokens: { [tokenOfSecret]: admin('owner') },
    }),
  ]);
  scope.after(() => Promise.all([home.kill(), found.kill()]));
  const kubeconfig = await writeKubeconfig({
    ...{ server: home.url, ca: home.authority.certificate, token: tokenOfGateway },
  });
  const proxy = await run(scope, [
    ...[`--kubeconfig=${kubeconfig.path}`, '--reject-paths=', `--clusters-from=cluster-api:${namespace}`],
    ...[`--clusters-from-servers=${servers}`, ...flags],
    ...(files?.flags ?? []),
  ]);
  return {
    ...{ home, found, proxy },
    /** Writes the Secret of a cluster; by default it leads to the found API server. */
    write(cluster: string, server: Partial<FoundServer> = {}, uid = cluster): void {
      const value = kubeconfigOf(cluster, {
        ...{ url: found.url, ca: found.authority.certificate, user: { token: tokenOfSecret } },
        ...server,
      });
      writeSecret(home, cluster, value, uid);
    },
    /** Removes the Secret of a cluster. */
    remove: (cluster: string): void =>
      home.remove({
        ...{ apiVersion: 'v1', kind: 'Secret' },
        metadata: { namespace, name: `${cluster}-kubeconfig` },
      }),
    /** The path of a cluster. */
    path: (cluster: string) => `/clusters/${namespace}.${cluster}`,
    /** Waits until a cluster has the state, for a caller with this header. */
    async until(
      cluster: string,
      state: RegExp,
      headers: Readonly<Record<string, string>> = {},
    ): Promise<void> {
      await eventually(`the state of ${cluster} is ${state}`, async () => {
        const { text } = await send(proxy.port, '/-/clusters', {
          headers,
          ...(files !== undefined && { tls: { ca: files.authority.certificate } }),
        });
        const { clusters } = JSON.parse(text) as { clusters: readonly { name: string }[] };
        const found = clusters.find(({ name }) => name === `${namespace}.${cluster}`);
        return state.test(JSON.stringify(found ?? 'none'));
      });
    },
  };
}

/** Writes a Secret of Cluster API with this content. */
export function writeSecret(
  home: FakeApiServer,
  cluster: string,
  value: string | Uint8Array,
  uid = cluster,
): void {
  const secret = secretOf(cluster, value);
  home.write({ ...secret, metadata: { ...secret.metadata, namespace, uid } });
}
