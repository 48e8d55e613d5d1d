import { stringify } from 'yaml';
import type { CertificatePair } from '../certificates/certificate-issuing.js';

/** How a found cluster is reached: what its kubeconfig says. */
export interface FoundServer {
  readonly url: string;
  /** PEM of its authority. */
  readonly ca: string;
  readonly user: Readonly<Record<string, unknown>>;
}

/** A client certificate as fields of a kubeconfig's user. */
export function certificateUser({ certificate, key }: CertificatePair): FoundServer['user'] {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key) };
}

/** The kubeconfig of a cluster, as Cluster API writes it. */
export function kubeconfigOf(name: string, { url, ca, user }: FoundServer): string {
  const [cluster, admin, context] = [name, `${name}-admin`, `${name}-admin@${name}`];
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: cluster,
        cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      },
    ],
    users: [{ name: admin, user }],
    contexts: [{ name: context, context: { cluster, user: admin } }],
    'current-context': context,
  });
}

/** A Secret of Cluster API, by default the one that has the kubeconfig. */
export function secretOf(cluster: string, value: string | Uint8Array, purpose = 'kubeconfig') {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'cluster.x-k8s.io/secret',
    metadata: { name: `${cluster}-${purpose}`, labels: { 'cluster.x-k8s.io/cluster-name': cluster } },
    data: { value: Buffer.from(value).toString('base64') },
  };
}
