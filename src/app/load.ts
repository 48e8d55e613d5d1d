import { realpath, stat } from 'node:fs/promises';
import { type Cluster, ConfigurationError } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
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

/**
 * Opens the cluster of `/` and loads the parts, all at the same time. Opens no connections. Collects all problems. Each part that was loaded is
 * then one of the components, also if there are problems.
 */
export async function loadParts(options: Options, parts: LoadingParts): Promise<LoadedParts | Problems> {
  const { components, features, core } = parts;
  const [opened, folder, added] = await Promise.all([
    openCluster(core.cluster),
    findFolder(options.www),
    features.create(options, core, components),
  ]);
  const unusable = [opened, folder, added].filter(part => 'problems' in part);
  if ('problems' in folder || 'problems' in added || unusable.length > 0) {
    return { problems: unusable.flatMap(({ problems }) => problems) };
  }
  return { www: folder.path, added };
}

async function openCluster(cluster: Cluster): Promise<Endpoint | Problems> {
  try {
    return await cluster.open();
  } catch (error) {
    if (error instanceof ConfigurationError) return { problems: error.problems };
    throw error;
  }
}

async function findFolder(www: string): Promise<{ readonly path: string } | Problems> {
  if (www === '') return { path: '' };
  const isFolder = await stat(www).then(
    found => found.isDirectory(),
    () => false,
  );
  return isFolder ? { path: await realpath(www) } : { problems: [`--www: "${www}" is not a folder`] };
}
