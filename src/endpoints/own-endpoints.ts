import { clusters } from './clusters.js';
import { explorer } from './explorer.js';
import { index } from './index-page.js';
import { kubeconfig } from './kubeconfig.js';
import { metrics } from './metrics.js';
import type { OwnEndpoint } from './own-endpoint.js';
import { livez, readyz } from './probes.js';
import { rules } from './rules.js';
import { signIn } from './sign-in.js';

/** All endpoints of the proxy itself below `/-/`, in the order of the index. A new endpoint needs an entry here and nothing else. */
export const ownEndpoints: readonly OwnEndpoint[] = [
  index,
  explorer,
  signIn,
  clusters,
  kubeconfig,
  rules,
  metrics,
  livez,
  readyz,
];
