import type { KubeconfigContent } from '../../kubeconfig/parse.js';
import { resolveClientConfig } from '../../kubeconfig/resolve.js';
import type { ClientConfig, Cluster, Named } from '../../kubeconfig/types.js';

/**
 * How to reach the cluster that an object defines, and what the object says of its health; or why that cannot be used, one line each, without
 * secrets.
 */
export type FoundConfig =
  | { readonly config: ClientConfig; readonly condition?: string }
  | { readonly problems: readonly string[] };

/** How many problems of one object are told, and how many characters of each. */
const mostProblems = 5;
const longestProblem = 300;

/** Problems of an object as they may be shown and logged: few and short, however much the object has. */
export function refusal(problems: readonly string[]): { readonly problems: readonly string[] } {
  const told = problems.slice(0, mostProblems).map(plainLine);
  const rest = problems.length - told.length;
  return { problems: rest === 0 ? told : [...told, `and ${rest} more`] };
}

/** A text of others in one short line, without the characters that a terminal acts on. */
export function plainLine(text: string): string {
  return text.slice(0, longestProblem).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

/** The most bytes of what an object says of a cluster: ten times what is usual. To read so many certificates holds up all requests, some 20 ms. */
export const mostBytes = 64 * 1024;

/** In messages: what only the operator may name. */
export const namesFile = 'names a file of the gateway, which is never read for it';

const refusedOfCluster: { readonly [field in keyof Cluster]?: string } = {
  'certificate-authority': `${namesFile}: use certificate-authority-data`,
  'proxy-url': 'names a proxy, which would find the address of the server in place of the gateway',
};

/**
 * Resolves the current context of what others have written. `origin` stands in messages where another kubeconfig has its file. The server must
 * be https://, because no credential is sent to another one.
 *
 * @param refusedOfUser What its user must not have: why, by the field.
 */
export function resolveFound(
  origin: string,
  { clusters, users, contexts, currentContext }: KubeconfigContent,
  refusedOfUser: Readonly<Record<string, string>>,
): FoundConfig {
  if (currentContext === undefined) return refusal([`${origin} has no current-context`]);
  const { cluster = '', user = '' } = contexts.get(currentContext) ?? {};
  const problems = [
    ...refusedFields(
      clusters.get(cluster),
      refusedOfCluster,
      `cluster ${JSON.stringify(cluster)} in ${origin}`,
    ),
    ...refusedFields(users.get(user), refusedOfUser, `user ${JSON.stringify(user)} in ${origin}`),
  ];
  const authority = clusters.get(cluster)?.['certificate-authority-data'] ?? '';
  if (authority.length > mostBytes)
    problems.push(`${origin}: its certificate-authority-data has more than ${mostBytes} bytes`);
  if (problems.length > 0) return refusal(problems);
  const named = <T>(entries: ReadonlyMap<string, T>) =>
    new Map<string, Named<T>>([...entries].map(([name, value]) => [name, { value, file: origin }]));
  const kubeconfig = {
    ...{ files: [origin], candidates: [], currentContext },
    ...{ clusters: named(clusters), users: named(users), contexts: named(contexts) },
  };
  const resolved = resolveClientConfig(kubeconfig, {});
  if ('problems' in resolved) return refusal(resolved.problems);
  const isHttps = resolved.config.server.protocol === 'https:';
  return isHttps ? resolved : refusal([`the server of ${origin} is not https://`]);
}

function refusedFields(
  entry: object = {},
  refused: Readonly<Record<string, string>>,
  label: string,
): readonly string[] {
  return Object.entries(entry)
    .filter(([field, value]) => refused[field] !== undefined && isSet(value))
    .map(([field]) => `${label}: ${field} ${refused[field]}`);
}

/** As in client-go, an empty text or list means that a field is not set. */
function isSet(value: unknown): boolean {
  return value !== '' && !(Array.isArray(value) && value.length === 0);
}
