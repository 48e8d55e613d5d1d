import { shareCheck } from '../lib/shared-check.js';
import type { Cluster } from './cluster.js';
import { get } from './own-request.js';

const lifetime = { passed: 10_000, failed: 2_000 };
const timeout = 5_000;

/**
 * A check that resolves when the API server answers and takes the credentials, and rejects with the reason when not.
 * Something that answers with a redirect or a 400 is no API server: TLS servers (Go's, nginx) answer plain HTTP with 400, and load balancers redirect it.
 * It asks for /version, which every authenticated user may read (`system:public-info-viewer`), at most every 10 s.
 */
export function createReachabilityCheck(cluster: Cluster, now?: () => number): () => Promise<void> {
  return shareCheck(() => check(cluster), lifetime, now);
}

async function check(cluster: Cluster): Promise<void> {
  const { status } = await get(cluster, '/version', { timeout });
  if (status === 401)
    throw new Error(`the API server at ${cluster.host} does not take the credentials (401)`);
  if (status === 400 || (status >= 300 && status < 400)) {
    const isPlain = cluster.endpoint?.config.server.protocol === 'http:';
    const hint = isPlain ? '; does the server URL want https:// instead?' : '';
    throw new Error(`what is at ${cluster.host} does not answer as an API server does (${status})${hint}`);
  }
  if (status >= 500) throw new Error(`the API server at ${cluster.host} answers ${status}`);
}
