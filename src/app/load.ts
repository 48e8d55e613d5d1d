import { realpath, stat } from 'node:fs/promises';
import { type ConfiguredAuthentication, configureAuthentication } from '../authentication/configure.js';
import { type Cluster, ConfigurationError } from '../clusters/cluster.js';
import type { FeatureParts, Problems } from '../feature.js';
import type { Clock } from '../lib/clock.js';
import type { Logger } from '../observability/log/logger.js';
import type { Metrics } from '../observability/metrics/metrics.js';
import { methodsOn } from '../options/methods.js';
import type { Options } from '../options/table.js';
import type { Tls } from '../server/listener/tls.js';
import type { Components } from './components.js';
import type { FeatureSet } from './feature-set.js';

/** What the parts are loaded with. */
interface LoadingParts {
  readonly components: Components;
  readonly features: FeatureSet;
  /** The cluster of `/`, which is opened. */
  readonly cluster: Cluster;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly rereadInterval: number | undefined;
}

/** The parts of a program that need files; undefined if the options do not turn them on. */
interface LoadedParts {
  readonly authentication: ConfiguredAuthentication | undefined;
  /** Path of the folder of static files, without symbolic links; empty to serve none. */
  readonly www: string;
  readonly tls: Tls | undefined;
  /** Of the features that the options turn on. */
  readonly added: readonly FeatureParts[];
}

/** What a part is loaded as; undefined if the options do not turn it on. */
type Loading<Part> = Promise<Part | undefined | Problems>;

/**
 * Opens the cluster and loads the parts, all at the same time. Opens no connections. Collects all problems. Each part that was loaded is
 * then one of the components, also if there are problems.
 */
export async function loadParts(options: Options, parts: LoadingParts): Promise<LoadedParts | Problems> {
  const { components, cluster } = parts;
  let tls: Tls | undefined;
  const loaded = await Promise.all([
    openCluster(cluster),
    loadAuthentication(options, parts, () => tls?.clientAuthorities),
    findFolder(options.www),
    loadTls(options, parts),
    parts.features.create(options, parts, components),
  ]);
  const problems: string[] = [];
  const take = <Part extends object>(part: Part | Problems | undefined): Part | undefined => {
    if (part === undefined || !('problems' in part)) return part;
    problems.push(...(part as Problems).problems);
    return undefined;
  };
  take(loaded[0]);
  const authentication = take(loaded[1]);
  const folder = take(loaded[2]);
  tls = take(loaded[3]);
  const added = take(loaded[4])?.parts ?? [];
  for (const part of [tls, authentication]) if (part !== undefined) components.add(part);
  return problems.length > 0 ? { problems } : { authentication, www: folder?.path ?? '', tls, added };
}

async function openCluster(cluster: Cluster): Loading<never> {
  try {
    await cluster.open();
    return undefined;
  } catch (error) {
    if (error instanceof ConfigurationError) return { problems: error.problems };
    throw error;
  }
}

async function loadAuthentication(
  options: Options,
  { metrics, logger, env, clock, rereadInterval }: LoadingParts,
  clientAuthorities: () => Tls['clientAuthorities'],
): Loading<ConfiguredAuthentication> {
  const methods = methodsOn(options);
  if (methods.length === 0) return undefined;
  return configureAuthentication(options, methods, {
    metrics: metrics.authentication,
    logger,
    env,
    clock,
    clientAuthorities,
    rereadInterval,
  });
}

async function findFolder(www: string): Loading<{ readonly path: string }> {
  if (www === '') return undefined;
  const isFolder = await stat(www).then(
    found => found.isDirectory(),
    () => false,
  );
  return isFolder ? { path: await realpath(www) } : { problems: [`--www: "${www}" is not a folder`] };
}

/** Loads the TLS listener only if it is used: with node:http2 it takes 4 % of a start. */
async function loadTls(options: Options, { metrics, logger }: LoadingParts): Loading<Tls> {
  if (options.tlsCertFile === '') return undefined;
  const { configureTls } = await import('../server/listener/tls.js');
  return configureTls(options, { metrics: metrics.listener, logger });
}
