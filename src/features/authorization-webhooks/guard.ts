import { get } from '../../clusters/own-request.js';
import { apiMounts, type GuardParts, type OpenCheck } from '../../guard/guard.js';
import { Rejection } from '../../guard/rejection.js';
import type { RawHeaders } from '../../http/header-fields.js';
import { impersonatedUser, impersonationOf } from '../../kubernetes/impersonation.js';
import { quoted } from '../../kubernetes/quoted.js';
import type { UserInfo } from '../../kubernetes/user-info.js';
import { timed } from '../../lib/phases.js';
import type { OpenRequest } from '../../request/context.js';
import { type Attributes, attributesOf } from '../../reviews/attributes.js';
import { type Denial, TooManyReviewsError } from '../../reviews/authorizer.js';
import { forbiddenMessage, withoutMarkup } from '../../reviews/forbidden.js';
import { refusedCredential, UpstreamError } from '../../transport/upstream-error.js';

/** Milliseconds. */
const timeout = 5_000;
const accept = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json';

/**
 * Whether the object at the path of a request is there, as the user of the request sees it. Rejects with an UpstreamError if the API server
 * does not say it.
 */
async function isThere(request: OpenRequest): Promise<boolean> {
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

/** What a guard has in common with all others of the feature. */
export const rule = {
  name: 'authorization webhooks',
  stage: 'user',
  reasons: ['webhook_denied', 'webhook_error', 'webhook_busy'],
  judges: apiMounts,
} as const;

/** Asks the added authorizers about each request, of the user that its caller acts as. */
export function createCheck({ reviews }: Pick<GuardParts, 'reviews'>): OpenCheck {
  const denialOf = ({ cluster, record }: OpenRequest, user: UserInfo, attributes: Attributes) =>
    reviews.denialOf({ user, attributes, cluster: cluster.name, phases: record.phases });

  /** To make an object by its name takes the right to create it; to change the one that is there does not. */
  const judgeCreation = async (request: OpenRequest, user: UserInfo): Promise<void> => {
    const denial = await denialOf(request, user, creationOf(request));
    if (denial === undefined || (await timed(request.record.phases, 'review', isThere(request)))) return;
    throw rejectionOf(request, user, denial, true);
  };

  return request => {
    const { caller, impersonated, path, head } = request;
    const user = (impersonated === undefined ? caller : impersonatedUser(impersonated.headers)) as UserInfo;
    const { info } = path;
    const denial = denialOf(request, user, attributesOf(info, path.forServer.query));
    const mayCreate =
      info.isResourceRequest &&
      info.name !== '' &&
      info.subresource === '' &&
      (info.verb === 'update' || (info.verb === 'patch' && isApply(head.rawHeaders)));
    if (!mayCreate && !(denial instanceof Promise)) {
      if (denial !== undefined) throw rejectionOf(request, user, denial);
      return undefined;
    }
    const judge = async () => {
      const found = await denial;
      if (found !== undefined) throw rejectionOf(request, user, found);
      if (mayCreate) await judgeCreation(request, user);
    };
    return judge().catch(error => {
      if (!(error instanceof TooManyReviewsError)) throw error;
      throw new Rejection(429, 'webhook_busy', `${error.message}; try again`, { retryAfterSeconds: 1 });
    });
  };
}

/** The attributes that the API server asks about before it makes an object at the path of a PUT or of an apply patch. */
function creationOf({ path }: OpenRequest): Attributes {
  const { apiGroup: group, apiVersion: version, resource, namespace, name } = path.info;
  // For the API server a namespace is in none.
  const isNamespace = group === '' && resource === 'namespaces';
  return {
    resourceAttributes: {
      ...{ verb: 'create', group, version, resource },
      ...(namespace !== '' && !isNamespace && { namespace }),
      ...(name !== '' && { name }),
    },
  };
}

/** Whether a PATCH may be one that makes an object: `application/apply-patch+yaml`, in whatever spelling. */
function isApply(rawHeaders: RawHeaders): boolean {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const isType = (rawHeaders[index] as string).toLowerCase() === 'content-type';
    if (isType && /apply-patch/i.test(rawHeaders[index + 1] as string)) return true;
  }
  return false;
}

/** The answer of the API server: a 403 for a clear no, and a 500 for an error that counts as one. */
function rejectionOf(
  { record, path }: OpenRequest,
  { username }: UserInfo,
  { by, attributes, reason, error }: Denial,
  isOfHandler = false,
): Rejection {
  record.denied(by);
  if (error === undefined) {
    record.annotate('authorization.k8s.io/decision', 'forbid');
    record.annotate('authorization.k8s.io/reason', reason);
    return new Rejection(403, 'webhook_denied', forbiddenMessage(username, attributes, reason));
  }
  record.annotate('authorization.k8s.io/reason', 'internal error');
  if (isOfHandler) return new Rejection(500, 'webhook_error', `Internal error occurred: ${error.message}`);
  const text = withoutMarkup(`Internal Server Error: ${quoted(path.forServer.raw)}: ${error.message}`);
  return new Rejection(500, 'webhook_error', text, { cause: error, text: `${text}\n` });
}
