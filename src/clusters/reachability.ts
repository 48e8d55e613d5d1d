import { StatusError } from '../kubernetes/status.js';
import { refusedCredential, UpstreamError } from '../transport/upstream-error.js';
import type { Cluster } from './cluster.js';
import { get } from './own-request.js';
import { shareCheck } from './shared-check.js';

const lifetime = { passed: 10_000, failed: 2_000 };
const timeout = 5_000;

/** Checks whether an API server answers and accepts the proxy's own credential. */
export class Reachability {
  /**
   * Resolves if the API server answers and accepts the credential; otherwise rejects with the reason. A server that answers with a
   * redirect or a 400 is not an API server: TLS servers (Go's, nginx) answer plain HTTP with 400, and load balancers redirect it. The check
   * requests /version, which every authenticated user may read (`system:public-info-viewer`), at most every 10 s.
   */
  readonly check: () => Promise<void>;
  readonly #cluster: Cluster;
  /** The API server's last known `gitVersion`; undefined before the first answer. */
  version: string | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.check = shareCheck(() => this.#ask(), lifetime);
  }

  /** The part of `check` about the server: a refusal of the credential is an answer. */
  async answers(): Promise<void> {
    await this.check().catch(error => {
      if (!(error instanceof UpstreamError && error.reason === 'credential')) throw error;
    });
  }

  /** The part of `check` about the credential: rejects only if there is none, or the API server refuses it. */
  async accepts(): Promise<void> {
    await this.check().catch(error => {
      if (error instanceof UpstreamError ? error.reason === 'credential' : error instanceof StatusError)
        throw error;
    });
  }

  async #ask(): Promise<void> {
    const { host, endpoint } = this.#cluster;
    const { status, text } = await get(this.#cluster, '/version', { timeout });
    if (status === 401) throw refusedCredential();
    if (status === 400 || (status >= 300 && status < 400)) {
      const isPlain = endpoint?.config.server.protocol === 'http:';
      const hint = isPlain ? '; should the server URL begin with https:// instead?' : '';
      throw new Error(`the server at ${host} does not answer like an API server (${status})${hint}`);
    }
    if (status >= 500) throw new Error(`the API server at ${host} answers ${status}`);
    this.version = readVersion(text);
  }
}

/** The `gitVersion` of a version.Info (k8s.io/apimachinery `pkg/version`). */
function readVersion(text: string): string | undefined {
  try {
    const { gitVersion } = JSON.parse(text) as { gitVersion?: unknown };
    return typeof gitVersion === 'string' ? gitVersion : undefined;
  } catch {
    return undefined;
  }
}

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
