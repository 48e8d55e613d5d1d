import type { SelfSubjectAccessReview } from 'kubernetes-types/authorization/v1.js';
import { type Operation, operationsOf, type Rules, type Verdict, verdictOf } from '../api/access.js';
import { messageOf } from '../api/client.js';
import type { ApiResource } from '../api/discovery.js';
import { ApiRequest } from '../api/requests.js';
import { type RulesAnswer, requestLine } from '../api/rules.js';
import type { Source } from './source.js';

/** What the user may do with a resource. */
export interface Access {
  /** The verdicts by `keyOf`. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
  /** Why some verdicts are not known. */
  readonly problem: string | undefined;
}

/** Identifies an operation among those of one resource. */
export function keyOf({ subresource, verb }: Operation): string {
  return `${subresource}/${verb}`;
}

/**
 * Reads what the user may do with a resource in a namespace. The proxy's own rules come first. Then all rules of the API server are read in
 * one request, and one more review follows for each operation that they do not decide.
 */
export async function readAccess(
  source: Source,
  resource: ApiResource,
  namespace: string,
  signal: AbortSignal,
): Promise<Access> {
  const operations = operationsOf(resource);
  const ruled = await readRuled(source, resource, namespace, operations, signal);
  // Rules are read for one namespace, and include those for the whole cluster. For all namespaces, only a review for each verb can tell.
  const rules = namespace === '' ? unknown : await readRules(source, namespace, signal).catch(() => unknown);
  let problem: string | undefined;
  const decide = async (operation: Operation): Promise<Verdict> => {
    const { message, note } = ruled.get(keyOf(operation)) ?? {};
    if (message !== undefined) return { kind: 'refused', message };
    const kind = verdictOf(rules, resource, operation);
    if (kind !== 'unknown') return { kind, note };
    try {
      const isAllowed = await review(source, resource, namespace, operation, signal);
      return isAllowed ? { kind: 'yes', note } : { kind: 'no' };
    } catch (error) {
      problem = messageOf(error);
      return { kind };
    }
  };
  const verdicts = new Map(
    await Promise.all(
      operations.map(async (operation): Promise<[string, Verdict]> => {
        return [keyOf(operation), await decide(operation)];
      }),
    ),
  );
  return { verdicts, problem };
}

/** Questions in one request, so that its URL stays short enough for every program on the way. */
const questionsAtOnce = 15;

/** What the proxy says about a request: why a rule refuses it, or what it does with the answer. */
interface Ruled {
  readonly message?: string | undefined;
  readonly note?: string | undefined;
}

/** What the proxy says, by `keyOf`. */
async function readRuled(
  { client, prefix }: Source,
  resource: ApiResource,
  namespace: string,
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Ruled>> {
  const lines = operations.flatMap(operation => {
    const line = requestLine(prefix, resource, namespace, operation);
    return line === undefined ? [] : [{ key: keyOf(operation), line }];
  });
  const ruled = new Map<string, Ruled>();
  for (let from = 0; from < lines.length; from += questionsAtOnce) {
    const asked = lines.slice(from, from + questionsAtOnce);
    const query = asked.map(({ line }) => `request=${encodeURIComponent(line)}`).join('&');
    const { requests } = await client.own<RulesAnswer>(`/rules?${query}`, signal);
    for (const [at, { allowed, message = '', note }] of requests.entries()) {
      const key = asked[at]?.key;
      if (key !== undefined) ruled.set(key, allowed ? { note } : { message });
    }
  }
  return ruled;
}

async function review(
  { client, prefix, index }: Source,
  { group, version, name }: ApiResource,
  namespace: string,
  { subresource, verb }: Operation,
  signal: AbortSignal,
): Promise<boolean> {
  const resourceAttributes = {
    verb,
    group,
    version,
    resource: name,
    ...(subresource !== '' && { subresource }),
    ...(namespace !== '' && { namespace }),
  };
  const request = ApiRequest.review(prefix, index, 'SelfSubjectAccessReview', { resourceAttributes });
  const { status } = await client.json<SelfSubjectAccessReview>(request, signal);
  return status?.allowed === true;
}

const unknown: Rules = { resourceRules: [], incomplete: true };

async function readRules(
  { client, prefix, index }: Source,
  namespace: string,
  signal: AbortSignal,
): Promise<Rules> {
  const request = ApiRequest.review(prefix, index, 'SelfSubjectRulesReview', { namespace });
  const { status } = await client.json<{ readonly status: Rules }>(request, signal);
  return status;
}
