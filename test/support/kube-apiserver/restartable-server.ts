import type { Scope } from '../scope.js';
import type { ApiServer, ApiServerOptions } from './api-server.js';
import { startOwnApiServer, startOwnEtcd } from './run.js';

// Without these, an API server writes to etcd every few seconds.
const quiet = [
  '--endpoint-reconciler-type=none',
  // Since 1.36 the second gate needs the first.
  '--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false',
];

/** An API server that tests kill and start again, and its own etcd, to which nothing but tests writes once it is ready. */
export type RestartableServer = Awaited<ReturnType<typeof startRestartableServer>>;

/** Starts both. They end with the scope. */
export async function startRestartableServer(
  scope: Scope,
  run: ApiServer,
  options: Partial<ApiServerOptions> = {},
) {
  const { url: etcd } = await startOwnEtcd(scope);
  const flags = [...quiet, ...(options.flags ?? [])];
  const all = { ...options, flags, etcd, prefix: '/registry' };
  let own = await startOwnApiServer(scope, run, all);
  const port = Number(new URL(own.server.url).port);
  return {
    /** The API server that was started last. */
    get server(): ApiServer {
      return own.server;
    },
    /** Kills the API server with SIGKILL, and waits for its end. */
    kill: () => own.process.kill(),
    /** Starts an API server at the address of the one that was killed, and waits until it is ready. */
    async restart(): Promise<void> {
      own = await startOwnApiServer(scope, run, { ...all, port });
    },
    /** Drops what etcd knows of the time before a version. */
    async compact(resourceVersion: string): Promise<void> {
      const { ok, status } = await fetch(`${etcd}/v3/kv/compaction`, {
        method: 'POST',
        body: JSON.stringify({ revision: resourceVersion, physical: true }),
      });
      if (!ok) throw new Error(`compaction: ${status}`);
    },
  };
}
