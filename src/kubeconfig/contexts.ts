import { parseServerAddress, urlOf } from './server-address.js';
import type { Kubeconfig } from './types.js';

/** A context of the kubeconfig, with the names that the file uses. Missing ones are empty. It contains no secret. */
export interface ContextSummary {
  readonly name: string;
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string;
  /** The URL of the cluster's server, without query and fragment; empty if it cannot be used. */
  readonly server: string;
}

/** The contexts, in the kubeconfig's order. */
export function summarizeContexts({ contexts, clusters }: Kubeconfig): readonly ContextSummary[] {
  return [...contexts].map(([name, { value }]) => {
    const { cluster = '', user = '', namespace = '' } = value;
    return { name, cluster, user, namespace, server: serverUrl(clusters.get(cluster)?.value.server) };
  });
}

function serverUrl(server = ''): string {
  const parsed = parseServerAddress(server, '');
  return 'address' in parsed ? urlOf(parsed.address) : '';
}
