import { shareCheck } from '../lib/shared-check.js';
import type { Cluster } from './cluster.js';
import { get } from './own-request.js';

const lifetime = { passed: 10_000, failed: 2_000 };
const timeout = 5_000;

/** Finds out whether an API server answers and takes the credentials. */
export class Reachability {
  /**
   * Resolves when the API server answers and takes the credentials, and rejects with the reason when not. Something that answers with a
   * redirect or a 400 is no API server: TLS servers (Go's, nginx) answer plain HTTP with 400, and load balancers redirect it. It asks
   * for /version, which every authenticated user may read (`system:public-info-viewer`), at most every 10 s.
   */
  readonly check: () => Promise<void>;
  readonly #cluster: Cluster;
  #version: string | undefined;

  constructor(cluster: Cluster, now?: () => number) {
    this.#cluster = cluster;
    this.check = shareCheck(() => this.#ask(), lifetime, now);
  }

  /** The API server's `gitVersion` as it last said it; undefined before. */
  get version(): string | undefined {
    return this.#version;
  }

  async #ask(): Promise<void> {
    const { host, endpoint } = this.#cluster;
    const { status, text } = await get(this.#cluster, '/version', { timeout });
    if (status === 401) throw new Error(`the API server at ${host} does not take the credentials (401)`);
    if (status === 400 || (status >= 300 && status < 400)) {
      const isPlain = endpoint?.config.server.protocol === 'http:';
      const hint = isPlain ? '; should the server URL begin with https:// instead?' : '';
      throw new Error(`what is at ${host} does not answer as an API server does (${status})${hint}`);
    }
    if (status >= 500) throw new Error(`the API server at ${host} answers ${status}`);
    this.#version = readVersion(text);
  }
}

/** `gitVersion` of a version.Info (k8s.io/apimachinery `pkg/version`). */
function readVersion(text: string): string | undefined {
  try {
    const { gitVersion } = JSON.parse(text) as { gitVersion?: unknown };
    return typeof gitVersion === 'string' ? gitVersion : undefined;
  } catch {
    return undefined;
  }
}
