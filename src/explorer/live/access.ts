import type { SelfSubjectAccessReview } from 'kubernetes-types/authorization/v1.js';
import { orderedVerbs, type Rules, type Verdict, verdictOf } from '../api/access.js';
import type { ApiResource } from '../api/discovery.js';
import { ApiRequest } from '../api/requests.js';
import type { Source } from './source.js';

/**
 * Which verbs of a resource the user may use in a namespace. All rules are read in one request, and one more review follows for each verb
 * that they do not decide.
 */
export async function readAccess(
  { client, prefix, index }: Source,
  resource: ApiResource,
  namespace: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Verdict>> {
  // Rules are read for one namespace, and include those for the whole cluster. For all namespaces, only a review for each verb can tell.
  const rules =
    namespace === ''
      ? unknown
      : await readRules({ client, prefix, index }, namespace, signal).catch(() => unknown);
  const verdicts = orderedVerbs(resource).map(async (verb): Promise<[string, Verdict]> => {
    const verdict = verdictOf(rules, resource, verb);
    if (verdict !== undefined) return [verb, verdict];
    const { group, version, name } = resource;
    const resourceAttributes = {
      verb,
      group,
      version,
      resource: name,
      ...(namespace !== '' && { namespace }),
    };
    const request = ApiRequest.review(prefix, index, 'SelfSubjectAccessReview', { resourceAttributes });
    const { status } = await client.json<SelfSubjectAccessReview>(request, signal);
    return [verb, status?.allowed === true];
  });
  return new Map(await Promise.all(verdicts));
}

const unknown: Rules = { resourceRules: [], incomplete: true };

async function readRules(
  { client, prefix, index }: Pick<Source, 'client' | 'prefix' | 'index'>,
  namespace: string,
  signal: AbortSignal,
): Promise<Rules> {
  const request = ApiRequest.review(prefix, index, 'SelfSubjectRulesReview', { namespace });
  const { status } = await client.json<{ readonly status: Rules }>(request, signal);
  return status;
}
