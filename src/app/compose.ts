import { realpath, stat } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { configureAuthentication } from '../authentication/configure.js';
import { authenticationMethods, methodsOn } from '../authentication/methods.js';
import type { Cluster } from '../clusters/cluster.js';
import { followConfiguration } from '../clusters/follow.js';
import { createImpersonationCheck } from '../clusters/impersonation-access.js';
import { get } from '../clusters/own-request.js';
import { createReachabilityCheck } from '../clusters/reachability.js';
import { sessionWithin } from '../clusters/session-within.js';
import { createHealth, type Health, type HealthCheck } from '../endpoints/health.js';
import { rejectionReasons } from '../guard/guards.js';
import { RequestSlots } from '../guard/request-slots.js';
import { UnknownResources } from '../guard/unknown-resources.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import type { FetchJson } from '../kubernetes/discovery.js';
import { createKnownResources } from '../kubernetes/known-resources.js';
import { describeFileError } from '../lib/file-problem.js';
import { type OpenAuditLog, openAuditLog } from '../observability/audit/open.js';
import { createExpiryWarning } from '../observability/expiry-warning.js';
import type { Logger } from '../observability/log/logger.js';
import type { Exposition } from '../observability/metrics/exposition.js';
import { createMetrics, type Metrics } from '../observability/metrics/metrics.js';
import type { Options } from '../options/table.js';
import { OpenStreams } from '../proxy/open-streams.js';
import { buildAdminServer } from '../server/admin-server.js';
import { configureTls, type Tls } from '../server/listener/tls.js';
import { buildServer } from '../server/server.js';
import { upstreamErrorReasons } from '../transport/upstream-error.js';

/** What the process around the program gives it. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homedir: string;
  readonly version: string;
  readonly nodeVersion: string;
  readonly logger: Logger;
}

/** Where a program that is one process of several differs from one that is alone. */
export interface Team {
  /** Gives the cluster, in place of files that are read and followed. */
  readonly follow?: typeof followConfiguration;
  /** The cluster's endpoint, or a credential that it gives, may be another. */
  readonly onChange?: () => void;
  readonly fetchDiscovery?: FetchJson;
  /** Checks of readyz beside the program's own. */
  readonly checks?: readonly HealthCheck[];
  /** Answers for all processes, in place of this one. */
  readonly health?: Health;
  readonly exposition?: Exposition;
  /** Opens the audit log, in place of a file. */
  readonly openAudit?: typeof openAuditLog;
}

/** A program that is ready to listen. */
export interface Program {
  readonly app: FastifyInstance;
  /** The admin listener; undefined unless it has a port. */
  readonly admin: FastifyInstance | undefined;
  readonly openStreams: OpenStreams;
  readonly cluster: Cluster;
  readonly metrics: Metrics;
  readonly health: Health;
  /** Begins to fetch an OIDC issuer's keys, where there is one: for callers, and for the check of readyz. */
  readonly fetchKeys: () => void;
  /** Begins to learn what serving needs to know, which resources there are and an OIDC issuer's keys: dials. */
  readonly discover: () => void;
  /** Begins to warn of expiring certificates, missing permissions of the proxy and rules that reject nothing; in one process for all. */
  readonly startWarnings: () => void;
  /** Undefined unless it has a path. */
  readonly auditLog: OpenAuditLog | undefined;
  /** From now on readyz fails. */
  readonly beUnready: () => void;
}

/** Discovery is read again this often, for resources that were added meanwhile. */
const discoveryInterval = 10 * 60_000;
const discoveryTimeout = 30_000;
/** Milliseconds that a health probe waits for a credential. */
const probeTimeout = 5_000;

/** Puts the program together from its options; reads files, dials nothing. All that is wrong is told at once. */
export async function createProgram(
  options: Options,
  surroundings: Surroundings,
  team: Team = {},
): Promise<Program | { readonly problems: readonly string[] }> {
  const { env, homedir, logger } = surroundings;
  const asksCallers = methodsOn(options).length > 0;
  // Metrics are there before what they ask at a scrape.
  let cluster: Cluster | undefined;
  let health: Health | undefined;
  const openStreams = new OpenStreams();
  const discovery: FetchJson =
    team.fetchDiscovery ?? ((path, accept) => fetchDiscovery(cluster as Cluster, path, accept));
  const knownResources = createKnownResources(discovery);
  const unknownResources = new UnknownResources(options.rejectResources, discovery, logger);
  const slots = new RequestSlots(options);
  const metrics = createMetrics({
    ...surroundings,
    rejectionReasons,
    upstreamErrorReasons,
    knownResources,
    authenticationMethods: authenticationMethods.map(({ name }) => name),
    connections: () => ({ idle: 0, active: 0, ...cluster?.connections, upgraded: openStreams.upgraded }),
    shares: () => slots.inUse,
    readiness: async () => health?.results() ?? new Map(),
  });
  const expiryWarning = createExpiryWarning(logger, 'the client certificate');
  let listenerTls: Tls | undefined;
  const [followed, configured, folder, tls, audit] = await Promise.all([
    (team.follow ?? followConfiguration)({
      location: { flag: options.kubeconfig, env: env['KUBECONFIG'], homedir },
      env,
      overrides: options,
      keepAlive: options.keepalive,
      // client-go's own switch.
      http2: (env['DISABLE_HTTP2'] ?? '') === '',
      events: {
        ...metrics.credentials,
        refreshed(source, result) {
          metrics.credentials.refreshed(source, result);
          if (result === 'success') team.onChange?.();
        },
        log: logger,
      },
      onCertificate: notAfter => {
        metrics.credentials.clientCertificateExpires(notAfter);
        expiryWarning.watch(notAfter);
      },
      onConnect: metrics.traffic.connected,
      onFirstByte: metrics.traffic.firstByte,
      refuse: config => (asksCallers ? refuseImpersonation(config) : undefined),
      onReload: problems => {
        metrics.credentials.reloaded(problems.length === 0);
        if (problems.length === 0) {
          logger.info('configuration reloaded');
          team.onChange?.();
        } else logger.error({ problems }, 'configuration cannot be used; the last good one stays in use');
      },
    }),
    asksCallers
      ? configureAuthentication(options, {
          metrics: metrics.authentication,
          logger,
          env,
          clientAuthorities: () => listenerTls?.clientAuthorities,
        })
      : undefined,
    findFolder(options.www),
    configureTls(options, { metrics: metrics.listener, logger }),
    findAuditLog(options, team.openAudit ?? openAuditLog, { metrics: metrics.audit, logger }),
  ]);
  const closeParts = (): void => {
    for (const part of [followed, configured, tls]) if (part !== undefined && 'close' in part) part.close();
    expiryWarning.close();
  };
  const problems = [followed, configured, folder, tls, audit].flatMap(part =>
    part !== undefined && 'problems' in part ? part.problems : [],
  );
  if (
    'problems' in followed ||
    (configured !== undefined && 'problems' in configured) ||
    (tls !== undefined && 'problems' in tls) ||
    problems.length > 0
  ) {
    closeParts();
    await audit.auditLog?.close();
    return { problems };
  }
  cluster = followed.cluster;
  listenerTls = tls;

  const shutdown = createShutdownCheck();
  const mayImpersonate =
    configured && createImpersonationCheck(followed.cluster, () => configured.impersonated());
  const checks = [
    ...(team.checks ?? []),
    { name: 'credentials', check: async () => void (await sessionWithin(followed.cluster, probeTimeout)) },
    { name: 'upstream', check: createReachabilityCheck(followed.cluster) },
    ...(mayImpersonate === undefined ? [] : [{ name: 'impersonation', check: mayImpersonate }]),
    ...(configured?.checks ?? []),
    { name: 'shutdown', check: shutdown.check },
  ];
  health = createHealth(checks, () => unknownResources.warnings());
  const app = await buildServer({
    options: { ...options, www: folder.path },
    cluster,
    metrics,
    exposition: team.exposition ?? metrics,
    health: team.health ?? health,
    logger,
    openStreams,
    tls,
    authentication: configured?.authentication,
    slots,
    audit: audit.auditLog?.log,
  });
  let discovering: NodeJS.Timeout | undefined;
  app.addHook('onClose', async () => {
    clearInterval(discovering);
    closeParts();
    unknownResources.close();
  });
  const admin =
    options.adminPort === undefined ? undefined : await buildAdminServer(team.exposition ?? metrics, health);
  const fetchKeys = () => configured?.start();
  return {
    app,
    admin,
    openStreams,
    cluster,
    metrics,
    health,
    auditLog: audit.auditLog,
    fetchKeys,
    discover() {
      fetchKeys();
      void knownResources.refresh();
      discovering = setInterval(() => void knownResources.refresh(), discoveryInterval).unref();
    },
    startWarnings() {
      expiryWarning.start();
      void unknownResources.start();
      tls?.start();
      mayImpersonate?.().catch((error: Error) =>
        logger.warn({ reason: error.message }, 'callers cannot be impersonated'),
      );
    },
    beUnready: shutdown.begin,
  };
}

/** Stops a program at once, even if it does not listen yet. */
export async function abandonProgram({ app, admin, auditLog }: Program): Promise<void> {
  await app.close();
  await auditLog?.close();
  await admin?.close();
}

/** A discovery document, as JSON. */
export async function fetchDiscovery(cluster: Cluster, path: string, accept: string): ReturnType<FetchJson> {
  const { status, text } = await get(cluster, path, { accept, timeout: discoveryTimeout });
  return { status, body: JSON.parse(text) as unknown };
}

/** A check that fails once leaving has begun. */
function createShutdownCheck(): { check: () => void; begin: () => void } {
  let leaving = false;
  return {
    check() {
      if (leaving) throw new Error('the process is shutting down');
    },
    begin() {
      leaving = true;
    },
  };
}

async function findAuditLog(
  options: Options,
  open: typeof openAuditLog,
  parts: Parameters<typeof openAuditLog>[1],
): Promise<{ auditLog: OpenAuditLog | undefined; problems: readonly string[] }> {
  if (options.auditLogPath === '') return { auditLog: undefined, problems: [] };
  try {
    return { auditLog: await open(options, parts), problems: [] };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'its folder does not exist' : describeFileError(error);
    return { auditLog: undefined, problems: [`--audit-log-path: "${options.auditLogPath}": ${reason}`] };
  }
}

/** Two could not both be whom a request acts as. */
function refuseImpersonation({ impersonation }: ClientConfig): string | undefined {
  if (impersonation === undefined) return undefined;
  return (
    'callers are authenticated and requests act as them, so that --as and as in the kubeconfig cannot be used; ' +
    'leave out one or the other'
  );
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
