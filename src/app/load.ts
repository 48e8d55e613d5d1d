import { realpath, stat } from 'node:fs/promises';
import { type Cluster, ConfigurationError } from '../clusters/cluster.js';
import type { Core, Problems } from '../feature.js';
import type { Options } from '../options/table.js';
import type { Components } from './components.js';
import type { CreatedFeatures, FeatureSet } from './feature-set.js';

/** What the parts are loaded with. */
interface LoadingParts {
  readonly components: Components;
  readonly features: FeatureSet;
  readonly core: Core;
}

/** The parts of a program that need files; undefined if the options do not turn them on. */
interface LoadedParts {
  /** Path of the folder of static files, without symbolic links; empty to serve none. */
  readonly www: string;
  readonly added: CreatedFeatures;
}

/** What a part is loaded as; undefined if the options do not turn it on. */
type Loading<Part> = Promise<Part | undefined | Problems>;

/**
 * Opens the cluster of `/` and loads the parts, all at the same time. Opens no connections. Collects all problems. Each part that was loaded is
 * then one of the components, also if there are problems.
 */
export async function loadParts(options: Options, parts: LoadingParts): Promise<LoadedParts | Problems> {
  const { components, features, core } = parts;
  const loaded = await Promise.all([
    openCluster(core.cluster),
    findFolder(options.www),
    features.create(options, core, components),
  ]);
  const problems: string[] = [];
  const take = <Part extends object>(part: Part | Problems | undefined): Part | undefined => {
    if (part === undefined || !('problems' in part)) return part;
    problems.push(...(part as Problems).problems);
    return undefined;
  };
  take(loaded[0]);
  const folder = take(loaded[1]);
  const added = take(loaded[2]);
  return added === undefined || problems.length > 0 ? { problems } : { www: folder?.path ?? '', added };
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

async function findFolder(www: string): Loading<{ readonly path: string }> {
  if (www === '') return undefined;
  const isFolder = await stat(www).then(
    found => found.isDirectory(),
    () => false,
  );
  return isFolder ? { path: await realpath(www) } : { problems: [`--www: "${www}" is not a folder`] };
}
