import { isSet } from '../../kubeconfig/overrides.js';
import { type KubeconfigContent, parseKubeconfig } from '../../kubeconfig/parse.js';
import { resolveClientConfig } from '../../kubeconfig/resolve.js';
import type { AuthInfo, Cluster, Named } from '../../kubeconfig/types.js';
import { type FoundConfig, refusal } from './found-config.js';

/** Stands in messages where another kubeconfig has its file. */
const file = 'the kubeconfig';

/**
 * How long a kubeconfig of others may be, and into how many pieces it may be divided: one of a cluster has some hundred. To read it holds up
 * all requests, some 10 ms at most.
 */
const mostBytes = 256 * 1024;
const mostPieces = 4_000;

const noFile = 'names a file of the gateway, which is never read for it';

/** What a kubeconfig of others must not have in the entries that it uses. Each of them reads a file or runs a program here, or acts as somebody else. */
const refusedOfCluster: { readonly [field in keyof Cluster]?: string } = {
  'certificate-authority': `${noFile}: use certificate-authority-data`,
  'proxy-url': 'names a proxy, which would find the address of the server in place of the gateway',
};
const refusedOfUser: { readonly [field in keyof AuthInfo]?: string } = {
  'client-certificate': `${noFile}: use client-certificate-data`,
  'client-key': `${noFile}: use client-key-data`,
  tokenFile: `${noFile}: use token`,
  exec: 'is a program, which is never run for it',
  'auth-provider': 'is a way to sign in, which is never used for it',
  as: 'is impersonation, which is for callers alone',
  'as-uid': 'is impersonation, which is for callers alone',
  'as-groups': 'is impersonation, which is for callers alone',
  'as-user-extra': 'is impersonation, which is for callers alone',
};

/**
 * Reads a kubeconfig that others have written, and uses its current context. It reads no file, and the result names none: nor a program, a
 * proxy or a user to act as. The server must be https://, because no credential is sent to another one.
 */
export function readFoundKubeconfig(bytes: Uint8Array): FoundConfig {
  if (bytes.length > mostBytes) return refusal([`${file} has more than ${mostBytes} bytes`]);
  const parsed = parseKubeconfig(file, Buffer.from(bytes).toString(), mostPieces);
  if ('problems' in parsed) return refusal(parsed.problems);
  const { content } = parsed;
  const { currentContext } = content;
  if (currentContext === undefined) return refusal([`${file} has no current-context`]);
  const problems = refusedFields(content, currentContext);
  if (problems.length > 0) return refusal(problems);
  const { clusters, users, contexts } = content;
  const kubeconfig = {
    ...{ files: [file], candidates: [], currentContext },
    ...{ clusters: named(clusters), users: named(users), contexts: named(contexts) },
  };
  const resolved = resolveClientConfig(kubeconfig, {});
  if ('problems' in resolved) return refusal(resolved.problems);
  if (resolved.config.server.protocol !== 'https:') return refusal([`the server of ${file} is not https://`]);
  return resolved;
}

function refusedFields({ clusters, users, contexts }: KubeconfigContent, currentContext: string): string[] {
  const { cluster = '', user = '' } = contexts.get(currentContext) ?? {};
  return [
    ...refusedOf(`cluster ${JSON.stringify(cluster)}`, clusters.get(cluster) ?? {}, refusedOfCluster),
    ...refusedOf(`user ${JSON.stringify(user)}`, users.get(user) ?? {}, refusedOfUser),
  ];
}

function refusedOf<T extends object>(
  label: string,
  entry: T,
  refused: { readonly [field in keyof T]?: string },
): string[] {
  return (Object.entries(refused) as [keyof T & string, string][])
    .filter(([field]) => isPresent(entry[field]))
    .map(([field, why]) => `${label} in ${file}: ${field} ${why}`);
}

/** As in client-go, an empty text or list means that a field is not set. */
function isPresent(value: unknown): boolean {
  if (typeof value === 'string') return isSet(value);
  return Array.isArray(value) ? value.length > 0 : value !== undefined;
}

function named<T>(entries: ReadonlyMap<string, T>): Map<string, Named<T>> {
  return new Map([...entries].map(([name, value]) => [name, { value, file }]));
}
