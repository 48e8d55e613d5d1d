import { realpath, stat } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { loadCertificateAuthority } from './credentials/certificate-authority.js';
import { loadCredential } from './credentials/select.js';
import { loadKubeconfig } from './kubeconfig/load.js';
import { resolveClientConfig } from './kubeconfig/resolve.js';
import type { ClientConfig } from './kubeconfig/types.js';
import { createKnownResources } from './kubernetes/known-resources.js';
import { createHealth } from './observability/health.js';
import type { Logger } from './observability/logger.js';
import { createMetrics } from './observability/metrics.js';
import type { Options } from './options.js';
import { OpenStreams } from './proxy/open-streams.js';
import { buildServer } from './server.js';
import { get } from './upstream/get.js';
import { createReachabilityCheck } from './upstream/reachability.js';
import { createUpstream, type Upstream } from './upstream/upstream.js';

/** What the process around the program gives it. */
export interface Surroundings {
  /** The environment variable KUBECONFIG. */
  readonly kubeconfig: string | undefined;
  readonly homedir: string;
  readonly version: string;
  readonly nodeVersion: string;
  readonly logger: Logger;
}

/** A program that is ready to listen. */
export interface Program {
  readonly app: FastifyInstance;
  readonly openStreams: OpenStreams;
}

/** Discovery is read again this often, for resources that were added meanwhile. */
const discoveryInterval = 10 * 60_000;
const discoveryTimeout = 30_000;

/** Puts the program together from its options; reads files, dials nothing. All that is wrong is told at once. */
export async function createProgram(
  options: Options,
  surroundings: Surroundings,
): Promise<Program | { readonly problems: readonly string[] }> {
  const [connected, folder] = await Promise.all([connect(options, surroundings), findFolder(options.www)]);
  const problems = [...('problems' in connected ? connected.problems : []), ...folder.problems];
  if ('problems' in connected || problems.length > 0) return { problems };

  const { upstream } = connected;
  const knownResources = createKnownResources(async (path, accept) => {
    const { status, text } = await get(upstream, path, { accept, timeout: discoveryTimeout });
    return { status, body: JSON.parse(text) as unknown };
  });
  const metrics = createMetrics({ ...surroundings, knownResources });
  metrics.setClientCertificateExpiration(upstream.credential.clientCertificate?.notAfter);
  const health = createHealth([
    { name: 'credentials', check: () => {} },
    { name: 'upstream', check: createReachabilityCheck(upstream) },
  ]);
  const openStreams = new OpenStreams();
  const app = await buildServer({
    options: { ...options, www: folder.path },
    upstream,
    metrics,
    health,
    logger: surroundings.logger,
    openStreams,
  });
  app.addHook('onListen', async () => {
    void knownResources.refresh();
    setInterval(() => void knownResources.refresh(), discoveryInterval).unref();
  });
  return { app, openStreams };
}

async function connect(
  options: Options,
  { kubeconfig: env, homedir }: Surroundings,
): Promise<{ readonly upstream: Upstream } | { readonly problems: readonly string[] }> {
  const loaded = loadKubeconfig({ flag: options.kubeconfig, env, homedir });
  if ('problems' in loaded) return loaded;
  const resolved = resolveClientConfig(loaded.kubeconfig, options);
  if ('problems' in resolved) return resolved;
  const { config } = resolved;
  const [credential, authority] = await Promise.all([loadCredential(config), loadAuthority(config)]);
  if ('problems' in credential || 'problems' in authority) {
    return { problems: [credential, authority].flatMap(part => ('problems' in part ? part.problems : [])) };
  }
  const upstream = createUpstream({
    config,
    credential: credential.credential,
    certificateAuthority: authority.certificateAuthority,
    keepAlive: options.keepalive,
  });
  return { upstream };
}

async function loadAuthority({
  certificateAuthority: source,
}: ClientConfig): Promise<{ certificateAuthority: Buffer | undefined } | { problems: readonly string[] }> {
  return source === undefined ? { certificateAuthority: undefined } : loadCertificateAuthority(source);
}

async function findFolder(www: string): Promise<{ path: string; problems: readonly string[] }> {
  if (www === '') return { path: '', problems: [] };
  const isFolder = await stat(www).then(
    found => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return { path: '', problems: [`--www: "${www}" is not a folder`] };
  return { path: await realpath(www), problems: [] };
}
