import { authentication } from './authentication.js';
import { claimedIdentity } from './claimed-identity.js';
import { cors, preflight } from './cors.js';
import { crossSite, crossSiteOfCallers } from './cross-site.js';
import { filter } from './filter.js';
import { type Guard, stages } from './guard.js';
import { host } from './host.js';
import { message } from './message.js';
import { configuredImpersonation, openCluster } from './open-cluster.js';
import { origin } from './origin.js';
import { proxiedPage } from './proxied-page.js';
import { readOnly } from './read-only.js';
import { requestedUser } from './requested-user.js';

/** The guards of the core. `inOrder` says where they stand among those of the features. */
export const guards = [
  message,
  host,
  preflight,
  crossSite,
  claimedIdentity,
  authentication,
  crossSiteOfCallers,
  origin,
  filter,
  openCluster,
  configuredImpersonation,
  readOnly,
  requestedUser,
  cors,
  proxiedPage,
] as const satisfies readonly Guard[];

/**
 * Guards in the order in which every request is judged, plain or with an upgrade: stage by stage, and within a stage in the order of the
 * list.
 */
export function inOrder<G extends Pick<Guard, 'stage'>>(list: readonly G[]): readonly G[] {
  return stages.flatMap(stage => list.filter(guard => guard.stage === stage));
}
