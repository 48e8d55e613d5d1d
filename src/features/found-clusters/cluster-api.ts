import { isObject } from '../../lib/json.js';
import { refusal } from './found-config.js';
import { readFoundKubeconfig } from './found-kubeconfig.js';
import type { Kind } from './kind.js';

const type = 'cluster.x-k8s.io/secret';
const clusterLabel = 'cluster.x-k8s.io/cluster-name';

/**
 * The kubeconfigs of Cluster API: Secrets `CLUSTER-kubeconfig`, whose key `value` has the kubeconfig (`util/secret`, `util/kubeconfig`). Others
 * of this type and label have private keys, and are never read.
 */
export const clusterApi: Kind = {
  path: namespace => `/api/v1/namespaces/${namespace}/secrets`,
  selectors: `fieldSelector=${encodeURIComponent(`type=${type}`)}&labelSelector=${encodeURIComponent(clusterLabel)}`,

  clusterOf({ name, labels }) {
    const cluster = isObject(labels) ? labels[clusterLabel] : undefined;
    return typeof cluster === 'string' && cluster !== '' && name === `${cluster}-kubeconfig`
      ? cluster
      : undefined;
  },

  read(secret) {
    if (secret['type'] !== type) return refusal([`the Secret is not of the type ${type}`]);
    const value = isObject(secret['data']) ? secret['data']['value'] : undefined;
    if (typeof value !== 'string') return refusal(['the Secret has no key value']);
    return readFoundKubeconfig(Buffer.from(value, 'base64'));
  },
};
