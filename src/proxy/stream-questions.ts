import { impersonationOf } from '../kubernetes/impersonation.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { OpenRequest } from '../request/context.js';
import { attributesOf } from '../reviews/attributes.js';
import { impersonationQuestion } from '../reviews/impersonation-reviews.js';
import type { Question } from '../reviews/reviews.js';

/**
 * What the user of a caller's request has to be allowed to do: what the API server has authorized for it. Of a caller who acts as another
 * user, whether the caller may do that comes first.
 */
export function streamQuestions(request: OpenRequest): readonly Question[] {
  const { cluster, endpoint, mount, impersonated, path } = request;
  const question = {
    cluster,
    as: impersonated?.headers ?? impersonationOf(request.caller as UserInfo),
    attributes: attributesOf(path.info, path.forServer.query),
    access: { judgedFor: endpoint.identity, namesContext: mount.namesContext },
  };
  return [...actingQuestions(request), question];
}

/** What the caller of a request has to be allowed to do to act as another user; none if it acts under its own name. */
function actingQuestions({
  cluster,
  endpoint,
  mount,
  impersonated,
  caller,
}: OpenRequest): readonly Question[] {
  const impersonator = { caller: caller as UserInfo, cluster, endpoint, mount };
  return impersonated?.by.map(asked => impersonationQuestion(impersonator, asked)) ?? [];
}
