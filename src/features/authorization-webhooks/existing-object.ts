import { get } from '../../clusters/own-request.js';
import { impersonationOf } from '../../kubernetes/impersonation.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import type { OpenRequest } from '../../request/context.js';
import { refusedCredential, UpstreamError } from '../../transport/upstream-error.js';

/** Milliseconds. */
const timeout = 5_000;
const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json';

/**
 * Whether the object at the path of a request is there, as the user of the request sees it. Rejects with an UpstreamError if the API server
 * does not say it.
 */
export async function isThere(request: OpenRequest): Promise<boolean> {
  const { cluster, endpoint, mount, caller, impersonated, path } = request;
  if (path.api === undefined) return false;
  const as = impersonated?.headers ?? impersonationOf(caller as UserInfo);
  const access = { judgedFor: endpoint.identity, namesContext: mount.namesContext };
  const { status } = await get(cluster, path.api, { as, accept, timeout, ...access });
  if (status === 401) throw refusedCredential();
  if (status === 429 || status >= 500) {
    throw new UpstreamError(
      503,
      'other',
      `the API server answers ${status} to whether the object is there; try again`,
    );
  }
  return status === 200;
}
