import type { Scope } from '../scope.js';
import type { ApiServer, ApiServerOptions } from './api-server.js';
import { type OwnApiServer, startOwnApiServer, startOwnEtcd } from './run.js';

// Without these, an API server writes to etcd every few seconds.
const quiet = ['--endpoint-reconciler-type=none', '--feature-gates=APIServerIdentity=false'];

/** An API server that tests kill and start again, and its own etcd, to which nothing but tests writes once it is ready. */
export class RestartableServer {
  readonly #scope: Scope;
  readonly #run: ApiServer;
  readonly #options: Partial<ApiServerOptions>;
  #own: OwnApiServer;

  private constructor(scope: Scope, run: ApiServer, options: Partial<ApiServerOptions>, own: OwnApiServer) {
    this.#scope = scope;
    this.#run = run;
    this.#options = options;
    this.#own = own;
  }

  /** Starts both. They end with the scope. */
  static async start(
    scope: Scope,
    run: ApiServer,
    options: Partial<ApiServerOptions> = {},
  ): Promise<RestartableServer> {
    const { url: etcd } = await startOwnEtcd(scope);
    const flags = [...quiet, ...(options.flags ?? [])];
    const all = { ...options, flags, etcd, prefix: '/registry' };
    const own = await startOwnApiServer(scope, run, all);
    const port = Number(new URL(own.server.url).port);
    return new RestartableServer(scope, run, { ...all, port }, own);
  }

  /** The API server that was started last. */
  get server(): ApiServer {
    return this.#own.server;
  }

  /** Kills the API server with SIGKILL, and waits for its end. */
  async kill(): Promise<void> {
    await this.#own.process.kill();
  }

  /** Starts an API server at the address of the one that was killed, and waits until it is ready. */
  async restart(): Promise<void> {
    this.#own = await startOwnApiServer(this.#scope, this.#run, this.#options);
  }

  /** Drops what etcd knows of the time before a version. */
  async compact(resourceVersion: string): Promise<void> {
    const { ok, status } = await fetch(`${this.#options.etcd}/v3/kv/compaction`, {
      method: 'POST',
      body: JSON.stringify({ revision: resourceVersion, physical: true }),
    });
    if (!ok) throw new Error(`compaction: ${status}`);
  }
}
