import { impersonationOf, namedUser } from '../kubernetes/impersonation.js';
import { constrainedRights } from '../kubernetes/impersonation-rights.js';
import type { UserInfo } from '../kubernetes/user-info.js';
import type { OpenRequest } from '../request/context.js';
import { attributesOf, impersonateOn } from '../reviews/attributes.js';
import { impersonationQuestion } from '../reviews/impersonation-reviews.js';
import type { Question } from '../reviews/reviews.js';

/**
 * What the user of a caller's request has to be allowed to do: what the API server has authorized for it. Of a caller who acts as another
 * user, whether the caller may do that comes first.
 */
export function streamQuestions(request: OpenRequest): readonly Question[] {
  const question = requestQuestion(request);
  return [
    ...actingQuestions(request),
    question,
    ...creationQuestions(request, question),
    ...ownQuestions(question),
  ];
}

/** Whether the user of a request may do what it asks for. */
export function requestQuestion({
  cluster,
  endpoint,
  mount,
  impersonated,
  path,
  caller,
}: OpenRequest): Question {
  return {
    cluster,
    as: impersonated?.headers ?? impersonationOf(caller as UserInfo),
    attributes: attributesOf(path.info, path.forServer.query),
    access: { judgedFor: endpoint.identity, namesContext: mount.namesContext },
  };
}

/** What the caller of a request has to be allowed to do to act as another user; none if it acts under its own name. */
export function actingQuestions({
  cluster,
  endpoint,
  mount,
  impersonated,
  caller,
}: OpenRequest): readonly Question[] {
  const impersonator = { caller: caller as UserInfo, cluster, endpoint, mount };
  return impersonated?.by.map(asked => impersonationQuestion(impersonator, asked)) ?? [];
}

const connections: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward']);

/** A connection to a Pod by a GET takes the right to create too, if the API server has AuthorizePodWebsocketUpgradeCreatePermission (1.35). */
function creationQuestions({ path: { info } }: OpenRequest, question: Question): readonly Question[] {
  const { verb, apiGroup, resource, subresource } = info;
  const isConnection =
    verb === 'get' && apiGroup === '' && resource === 'pods' && connections.has(subresource);
  if (!isConnection || !('resourceAttributes' in question.attributes)) return [];
  const { resourceAttributes } = question.attributes;
  return [
    {
      ...question,
      attributes: { resourceAttributes: { ...resourceAttributes, verb: 'create' } },
      onlyIfHeld: true,
    },
  ];
}

/** Whether the proxy itself may do this as a user, if it acts by constrained impersonation. It is the same question for all users. */
export function ownQuestions({ as, attributes, ...question }: Question): readonly Question[] {
  const user = as === 'configured' ? undefined : namedUser(as);
  const mode = user && constrainedRights(user)?.mode;
  if (mode === undefined) return [];
  return [{ ...question, as: 'configured', attributes: impersonateOn(mode, attributes), onlyIfHeld: true }];
}
