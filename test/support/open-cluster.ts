import { Cluster, type ClusterOptions } from '../../src/clusters/cluster.js';
import type { Endpoint } from '../../src/clusters/endpoint.js';

const ignore = () => {};

/** A cluster that goes to this endpoint, without a kubeconfig. */
export function createOpenCluster(endpoint: Endpoint, options: Partial<ClusterOptions> = {}): Cluster {
  const cluster = new Cluster(endpoint.context, async () => ({ close: ignore }), {
    keepAlive: 0,
    http2: true,
    onConnect: ignore,
    onCertificate: ignore,
    onFirstByte: ignore,
    ...options,
  });
  cluster.replace(endpoint);
  return cluster;
}
