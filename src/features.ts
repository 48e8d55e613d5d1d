import { accessReviews } from './features/access-reviews/feature.js';
import { auditLog } from './features/audit-log/feature.js';
import { authorizationWebhooks } from './features/authorization-webhooks/feature.js';
import { clusterAccess } from './features/cluster-access/feature.js';
import { explorer } from './features/explorer/feature.js';
import { foundClusters } from './features/found-clusters/feature.js';
import { limits } from './features/limits/feature.js';
import { openIdConnect } from './features/oidc/feature.js';
import { resourceRules } from './features/resource-rules/feature.js';
import { run } from './features/run/feature.js';
import { servedKubeconfig } from './features/served-kubeconfig/feature.js';
import { sharedWatches } from './features/shared-watches/feature.js';
import { streamEnds } from './features/stream-ends/feature.js';
import { tls } from './features/tls/feature.js';
import { tokenFile } from './features/token-file/feature.js';
import { tokenReview } from './features/token-review/feature.js';
import { tracing } from './features/tracing/feature.js';
import { visibleNamespaces } from './features/visible-namespaces/feature.js';

/**
 * The features of the program, each in its folder of `features/`. No other file of the core names one. To take a feature out, delete its
 * folder, its tests, and its two lines here. Of guards, options and metrics, those of the core come first, and then those of the features
 * in this order. Methods of authentication are asked in this order too: the API server's. Endpoints of features come before those of the
 * core, in the index of `/-/`.
 */
export const features = [
  tls,
  tokenFile,
  openIdConnect,
  tokenReview,
  limits,
  resourceRules,
  accessReviews,
  visibleNamespaces,
  sharedWatches,
  streamEnds,
  authorizationWebhooks,
  auditLog,
  clusterAccess,
  explorer,
  servedKubeconfig,
  foundClusters,
  run,
  tracing,
] as const;
