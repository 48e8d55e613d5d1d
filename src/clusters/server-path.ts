import type { Cluster } from './cluster.js';
import { get } from './own-request.js';

const timeout = 5_000;

/**
 * What is wrong with the path of the API server's URL, without naming it, because it may be what another proxy keeps its clients by: a path at which nothing answers; or one that requests to `/` do not get, while nothing
 * answers without it. kubectl proxy warns of each path that it does not append. Undefined if there is nothing to warn of. Rejects if the API
 * server does not answer.
 */
export async function serverPathProblem(
  cluster: Cluster,
  appendServerPath: boolean,
): Promise<string | undefined> {
  const path = cluster.endpoint?.config.server.path ?? '';
  if (path === '') return undefined;
  const answers = async (isBelowServerPath: boolean) =>
    (await get(cluster, '/version', { timeout, isBelowServerPath })).status !== 404;
  if (!(await answers(true)))
    return 'nothing answers at the path of the server URL (/version there is a 404)';
  if (appendServerPath || (await answers(false))) return undefined;
  return 'the server URL has a path; use --append-server-path to add it to each request, or send it before each path';
}
