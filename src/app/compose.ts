import type { FastifyInstance } from 'fastify';
import { AcceptedGroups, RefusedGroups } from '../authentication/accepted-groups.js';
import { configureAuthentication } from '../authentication/authentication.js';
import { serverPathProblem } from '../clusters/reachability.js';
import { createClusterChecks, createClusterStates } from '../clusters/states.js';
import { createHealth, type Health } from '../endpoints/health.js';
import type { CommandProgram } from '../feature.js';
import { GuardChain } from '../guard/chain.js';
import { RejectedPages } from '../guard/rejected-pages.js';
import { pluginPolicyFile } from '../kubeconfig/load.js';
import { isMissingKubeconfig } from '../kubeconfig/resolve.js';
import type { ClientConfig } from '../kubeconfig/types.js';
import { refusedGroupReason } from '../kubernetes/refused-group.js';
import { type Clock, systemClock } from '../lib/clock.js';
import { droppedLines, type Logger } from '../observability/log/logger.js';
import { withClusterLabel, withoutClusterLabel } from '../observability/metrics/cluster-label.js';
import { createMetrics, type Metrics } from '../observability/metrics/metrics.js';
import { isBeyondLoopback } from '../options/exposure.js';
import { authenticationMethods, methodsOn } from '../options/facts.js';
import type { Options } from '../options/table.js';
import { OpenStreams } from '../proxy/open-streams.js';
import { Operation } from '../request/context.js';
import { endReasons } from '../request/recorded-request.js';
import { ConstrainedImpersonation } from '../reviews/constrained-impersonation.js';
import { MissingRights } from '../reviews/missing-rights.js';
import { createImpersonationCheck } from '../reviews/own-rights.js';
import { Reviews } from '../reviews/reviews.js';
import { buildAdminServer } from '../server/admin-server.js';
import { createApiPaths, createMounts, ownPrefix } from '../server/mounts.js';
import { buildServer } from '../server/server.js';
import { replacedReason } from '../transport/access.js';
import { upstreamErrorReasons } from '../transport/upstream-error.js';
import { Components } from './components.js';
import { FeatureSet, rejectionReasons, servedOwnEndpoints } from './feature-set.js';
import { addressesOf } from './listen.js';
import { loadParts } from './load.js';
import { ObservedClusters } from './observed-clusters.js';

/** What a program needs to know about its process. */
export interface ProcessInfo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homedir: string;
  readonly version: string;
  readonly logger: Logger;
  /** The clock of features and of the callers' tokens; by default the machine's. */
  readonly clock?: Clock;
  /** A path that the whole main listener is behind, with a slash before it and none after it. Nothing tells it; by default there is none. */
  readonly basePath?: string;
  /** Milliseconds between two readings of the configuration's files. */
  readonly rereadInterval?: number;
}

/** A program that is ready to listen. */
export interface Program extends Omit<CommandProgram, 'listen'> {
  readonly app: FastifyInstance;
  /** The admin listener; undefined without --admin-port. */
  readonly admin: FastifyInstance | undefined;
  readonly openStreams: OpenStreams;
  readonly metrics: Metrics;
  /** What a person who starts the program at a terminal can open in a browser: the path of each page, and what it is. */
  readonly pages: readonly { readonly path: string; readonly title: string }[];
  /** Begins the work in the background: warnings, the keys of an OpenID Connect issuer. Opens connections. */
  start(): void;
  /** The process got a SIGHUP. */
  hangup(): void;
  /** From this call on, readyz fails. */
  beUnready(): void;
  /** Ends everything immediately. To let open requests finish, close the server first. */
  close(): Promise<void>;
}

const ignoredPolicy =
  'this file says which credential plugins kubectl may run; kube-api-proxy does not read it for that';

/**
 * The problems of the options and of the program's parts, as they are printed. A missing kubeconfig is a problem only if nothing else is
 * wrong: a bad flag may be the reason, and would be hard to find among the others.
 */
export function allProblems(...parts: readonly (readonly string[])[]): readonly string[] {
  const problems = parts.flat();
  const others = problems.filter(problem => !isMissingKubeconfig(problem));
  return others.length > 0 ? others : problems;
}

/** Puts the program together from its options. Reads files, but opens no connections. Collects all problems. */
export async function createProgram(
  options: Options,
  info: ProcessInfo,
): Promise<Program | { readonly problems: readonly string[] }> {
  const { env, homedir, logger, clock = systemClock } = info;
  const components = new Components();
  const asksCallers = methodsOn(options).length > 0;
  // A scrape reads it, but the metrics are made before it.
  let health: Health | undefined;
  const openStreams = new OpenStreams();
  const reviews = new Reviews(clock);
  const constrainedImpersonation = new ConstrainedImpersonation(clock);
  const missingRights = new MissingRights(reviews, constrainedImpersonation, clock);
  const refusedGroups = new RefusedGroups(clock, logger);
  const rejectedPages = new RejectedPages(clock, logger);
  const metrics = createMetrics({
    ...info,
    rejectionReasons: [...rejectionReasons, replacedReason, refusedGroupReason],
    upstreamErrorReasons,
    endReasons,
    authenticationMethods: authenticationMethods.map(({ name }) => name),
    clusterLabel: options.servesClusters ? withClusterLabel : withoutClusterLabel,
    connections: () => clusters.connections(openStreams),
    droppedLines: () => droppedLines(logger),
    readiness: async () => health?.results() ?? new Map(),
  });
  const features = new FeatureSet(metrics.registry);
  const clusters = components.add(
    new ObservedClusters({
      options,
      env,
      homedir,
      logger,
      metrics,
      rereadInterval: info.rereadInterval,
      refuse: config => (asksCallers ? refuseImpersonation(config) : undefined),
    }),
  );
  const cluster = clusters.registry.default;
  const servers: FastifyInstance[] = [];
  const loaded = await loadParts(options, {
    components,
    features,
    core: {
      ...{ cluster, logger, clock, env, metrics, missingRights, reviews },
      registry: clusters.registry,
      version: info.version,
      listeners: () => servers.flatMap(addressesOf),
      isLocal: !asksCallers && !isBeyondLoopback(options),
      rereadInterval: info.rereadInterval,
      callerRules: callerRulesOf(options, logger),
    },
  });
  if ('problems' in loaded) {
    await components.close();
    return loaded;
  }
  const { parts: added, methods } = loaded.added;
  reviews.authorizer = added.find(({ authorizer }) => authorizer !== undefined)?.authorizer;
  const authentication =
    methods.length === 0 ? undefined : configureAuthentication(options, methods, metrics.authentication);

  let isLeaving = false;
  const checksOf = createClusterChecks(
    authentication &&
      (of =>
        createImpersonationCheck({ reviews, constrainedImpersonation }, of, () =>
          authentication.impersonated(),
        )),
  );
  const { reachability, mayImpersonate } = checksOf(cluster);
  health = createHealth(
    [
      { name: 'credentials', check: () => reachability.accepts() },
      { name: 'upstream', check: () => reachability.answers() },
      ...(mayImpersonate === undefined ? [] : [{ name: 'impersonation', check: mayImpersonate }]),
      ...(authentication?.checks ?? []),
      {
        name: 'shutdown',
        check() {
          if (isLeaving) throw new Error('the process is shutting down');
        },
      },
    ],
    () => [
      ...added.flatMap(parts => parts.warnings?.() ?? []),
      ...refusedGroups.warnings(),
      ...rejectedPages.warnings(),
    ],
  );
  const { basePath = '' } = info;
  const endpoints = basePath === '' ? servedOwnEndpoints(options) : [];
  const admin =
    options.adminPort === undefined
      ? undefined
      : components.add(
          await buildAdminServer(
            { metrics, health },
            added.flatMap(({ adminRoutes }) => adminRoutes ?? []),
          ),
        );
  const guards = new GuardChain(options, features.guards, {
    authentication: authentication?.authentication,
    ...{ constrainedImpersonation, metrics, reviews, rejectedPages },
  });
  const app = components.add(
    await buildServer({
      options: { ...options, www: loaded.www },
      registry: clusters.registry,
      endpoints,
      guards,
      metrics,
      health,
      logger,
      openStreams,
      listener: added.find(({ listener }) => listener !== undefined)?.listener,
      clusterStates: createClusterStates(clusters.registry, checksOf),
      authentication: authentication?.authentication,
      callerEntries: () => authentication?.kubeconfigUsers() ?? [],
      issuers: () => authentication?.issuers() ?? [],
      recorders: added.flatMap(({ recorder }) => recorder ?? []),
      routes: added.flatMap(({ route }) => route ?? []),
      showClusters: added.find(({ showClusters }) => showClusters !== undefined)?.showClusters,
      followers: added.flatMap(({ follower }) => follower ?? []),
      ...{ missingRights, refusedGroups, reviews, clock },
      basePath,
    }),
  );
  servers.push(app, ...(admin === undefined ? [] : [admin]));
  const destinationOf = createMounts({ ...options, wwwPrefix: undefined, basePath }, clusters.registry, []);
  return {
    app,
    admin,
    openStreams,
    metrics,
    registry: clusters.registry,
    apiPaths: createApiPaths(options, clusters.registry),
    rejectionOf(method, target) {
      const operation = new Operation({ method, rawHeaders: [] }, destinationOf(target), target);
      return guards.rejectionOf(operation)?.message;
    },
    pages: endpoints.flatMap(({ isForPeople, name, title }) =>
      isForPeople ? [{ path: ownPrefix + name, title }] : [],
    ),
    usesStdout: added.flatMap(parts => parts.usesStdout ?? [])[0],
    start() {
      components.start();
      logger.info(clusters.describeDefault(options), 'requests to / go to this API server');
      reachability
        .check()
        .then(() => serverPathProblem(cluster, options.appendServerPath))
        .then(reason => reason !== undefined && logger.warn({ reason }, 'requests to / may get 404'))
        .catch((error: Error) => {
          logger.warn({ reason: error.message }, 'the API server cannot be reached');
        });
      pluginPolicyFile({ env: env['KUBERC'], homedir }).then(file => {
        if (file !== undefined) logger.warn({ file }, ignoredPolicy);
      });
      if (authentication !== undefined) constrainedImpersonation.follow(cluster);
      mayImpersonate?.().catch((error: Error) => {
        logger.warn({ reason: error.message }, 'callers cannot be impersonated');
      });
    },
    hangup() {
      for (const parts of added) parts.hangup?.();
    },
    beUnready() {
      isLeaving = true;
    },
    close: () => components.close(),
  };
}

/** Who may be a caller, but for service accounts, and which groups callers keep. */
function callerRulesOf(
  { allowSystemIdentities, acceptGroup, serviceAccountsByName }: Options,
  logger: Logger,
) {
  return {
    serviceAccountsByName,
    allowed: new Set(allowSystemIdentities),
    accepted: acceptGroup.length === 0 ? undefined : new AcceptedGroups(acceptGroup, logger),
  };
}

/** A request can impersonate only one user. */
function refuseImpersonation({ impersonation }: ClientConfig): string | undefined {
  if (impersonation === undefined) return undefined;
  return (
    'requests impersonate the authenticated callers, so --as, and as in the kubeconfig, cannot be used; ' +
    'remove one or the other'
  );
}
