import type { Worker } from 'node:cluster';
import type { Application } from '../app/application.js';
import { fetchDiscovery } from '../app/clusters.js';
import { createProgram, type ProcessInfo, type Program } from '../app/compose.js';
import { renderSum } from '../observability/metrics/snapshot.js';
import type { Options } from '../options/table.js';
import { createSharedListener } from './listener.js';
import type { Start } from './messages.js';
import { Pool } from './pool.js';
import { type SharedCredentials, shareCredentials } from './shared-credentials.js';

/** The number of workers, and how to make one. */
export interface WorkerProcesses {
  readonly size: number;
  readonly fork: () => Worker;
  readonly logging: Start['logging'];
}

/** Milliseconds for which workers that ask for the same discovery document get the same answer. */
const discoveryShared = 10_000;

/**
 * Puts together the program of the primary. It serves no requests to an API server itself: its workers do. It has the listener, the
 * credentials, the configuration, and the metrics and health of all processes. It returns all problems together, as a program with one
 * process does.
 */
export async function createPrimary(
  options: Options,
  info: ProcessInfo,
  { size, fork, logging }: WorkerProcesses,
): Promise<Application | { readonly problems: readonly string[] }> {
  const { logger } = info;
  let shared: SharedCredentials | undefined;
  let pool: Pool | undefined;
  const exposition = {
    async render(accept: string) {
      const others = (await pool?.snapshots()) ?? [];
      return renderSum([await program.metrics.snapshot(), ...others], accept);
    },
  };
  const created = await createProgram(options, info, {
    onChange: () => shared?.publish(),
    exposition,
    checks: [
      {
        name: 'workers',
        check() {
          if (pool?.serving === 0) throw new Error('no worker serves');
        },
      },
    ],
  });
  if ('problems' in created) return created;
  const program: Program = created;
  const { clusters, metrics, health } = program;
  const discover = sharedDiscovery(program);
  const credentials = shareCredentials(clusters, message => workers.send(message));
  const workers = new Pool({
    size,
    fork,
    start: () => ({
      options: withoutSecrets({ ...options, workers: size }),
      logging: { ...logging, level: logger.level },
      ...credentials.first(),
    }),
    answers: {
      endpoint: credentials.endpoint,
      credential: credentials.credential,
      refused: async ({ source, credential }) => void (await credentials.refused(source, credential)),
      clusters: () => program.clusterStates.states(),
      readyz: health.readyz,
      metrics: exposition.render,
      heard: async () => undefined,
      discovery: ({ cluster, path, accept }) => discover(cluster, path, accept),
    },
    onAudit: lines => program.auditLog?.take(lines),
    metrics,
    logger,
  });
  shared = credentials;
  pool = workers;
  const listener = createSharedListener(socket => workers.distributor.accept(socket));

  return {
    program,
    listener,
    async start() {
      program.fetchKeys();
      try {
        await workers.start();
        program.startWarnings();
        return [];
      } catch (problems) {
        return problems as readonly string[];
      }
    },
    setLevel: level => workers.send({ type: 'level', level }),
    async drain({ delay, grace }) {
      program.beUnready();
      await new Promise(resolve => setTimeout(resolve, delay));
      listener.close();
      await workers.drain(grace);
      await program.close();
    },
    async abandon() {
      listener.close();
      workers.kill();
      await program.close();
    },
  };
}

/** Only the primary has the credentials and the admin listener. */
function withoutSecrets(options: Options): Options {
  return { ...options, token: '', username: '', password: '', adminPort: undefined };
}

type Discover = (name: string, path: string, accept: string) => ReturnType<typeof fetchDiscovery>;

function sharedDiscovery({ clusters }: Program): Discover {
  const asked = new Map<string, { readonly at: number; readonly answer: ReturnType<Discover> }>();
  return async (name, path, accept) => {
    const now = performance.now();
    for (const [key, { at }] of asked) if (now - at >= discoveryShared) asked.delete(key);
    const key = JSON.stringify([name, accept, path]);
    // The default cluster is always there, even if its context is not served below /clusters/.
    const cluster = name === clusters.default.name ? clusters.default : clusters.get(name);
    if (cluster === undefined) throw new Error('there is no such context');
    const answer = asked.get(key)?.answer ?? fetchDiscovery(cluster, path, accept);
    if (!asked.has(key)) asked.set(key, { at: now, answer });
    return answer;
  };
}
