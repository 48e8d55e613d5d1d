import { Cluster, type ClusterOptions, type FollowEndpoint } from '../../../src/clusters/cluster.js';
import { type Endpoint, identityOf } from '../../../src/clusters/endpoint.js';
import type { CredentialSource } from '../../../src/credentials/credential-source.js';
import type { ClusterMetrics } from '../../../src/observability/metrics/metrics.js';

const ignore = () => {};

/** A cluster whose configuration follows the test. */
export function createFollowedCluster(
  name: string,
  follow: FollowEndpoint,
  options: Partial<ClusterOptions> = {},
): Cluster {
  return new Cluster(name, follow, {
    keepAlive: 0,
    http2: true,
    metricsOf: () => ({}) as ClusterMetrics,
    onConnect: ignore,
    onCertificate: ignore,
    ...options,
  });
}

/** A cluster that goes to this endpoint, without a kubeconfig. */
export function createOpenCluster(endpoint: Endpoint, options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = createFollowedCluster(endpoint.context, async () => ({ close: ignore }), options);
  cluster.replace(endpoint);
  return cluster;
}

/** The endpoint of a context, without a credential unless there is a source. */
export function createEndpoint(
  context: string,
  {
    host = `${context}.invalid`,
    source,
  }: { readonly host?: string; readonly source?: CredentialSource } = {},
): Endpoint {
  const credential = {};
  const endpoint = {
    context,
    config: {
      server: { protocol: 'http:', hostname: host, port: 80, path: '' },
      insecureSkipTlsVerify: false,
    },
    certificateAuthority: undefined,
    source: source ?? {
      name: 'static',
      isLasting: true,
      get: () => credential,
      refused: async () => undefined,
      close: ignore,
    },
    proxy: undefined,
  } as const;
  return { ...endpoint, identity: identityOf(endpoint) };
}
