import { setTimeout as sleep } from 'node:timers/promises';
import { watchFiles } from '../lib/file-watch.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import { type Configuration, type ConfigurationOptions, loadConfiguration } from './configuration.js';

/** An cluster that follows its files. */
export interface FollowedCluster {
  readonly cluster: Cluster;
  /** Ends the connections, and a login that is under way. */
  close(): void;
}

/** What an cluster that follows its files needs. */
export interface FollowOptions extends Omit<ConfigurationOptions, 'rereadFiles'>, ClusterOptions {
  /** Changed files were read: no problems, or those for which the last good configuration stays in use. */
  readonly onReload: (problems: readonly string[]) => void;
  /** Milliseconds between checks, 4,000 by default: a rotated file is in use within twice that. */
  readonly interval?: number;
  /** Milliseconds that a request waits after a 401 for the files to be read, 1,000 by default. Only a file that cannot be read takes longer. */
  readonly rereadTimeout?: number;
}

/**
 * Loads the configuration and keeps up with it: a change of any of its files is in use within 10 s, and one that cannot be
 * used (a certificate whose key has not come yet, a broken edit, an empty file) leaves the last good one in use.
 */
export async function followConfiguration(
  options: FollowOptions,
): Promise<FollowedCluster | { readonly problems: readonly string[] }> {
  let look: () => Promise<void> = async () => {};
  const rereadFiles = () =>
    Promise.race([look(), sleep(options.rereadTimeout ?? 1_000, undefined, { ref: false })]);
  const configurationOptions = { ...options, rereadFiles };
  const first = await loadConfiguration(configurationOptions);
  if ('problems' in first) return first;

  let current: Configuration = first;
  // A configuration that cannot be used yet may name files that are still to come.
  let awaited: readonly string[] = [];
  const cluster = new Cluster(first, options);
  const watch = await watchFiles({
    files: () => [...current.files, ...awaited],
    interval: options.interval ?? 4_000,
    onChange: async () => {
      const next = await loadConfiguration(configurationOptions, current);
      awaited = 'problems' in next ? (next.files ?? []) : [];
      if ('problems' in next) {
        options.onReload(next.problems);
        return;
      }
      if (current.source.name !== next.source.name) options.events.expires(current.source.name, undefined);
      current = next;
      cluster.replace(next);
      options.onReload([]);
    },
  });
  look = watch.poll;
  return {
    cluster,
    close() {
      watch.close();
      cluster.destroy();
    },
  };
}
