import { setTimeout as sleep } from 'node:timers/promises';
import type { ContextSummary } from '../kubeconfig/contexts.js';
import { watchFiles } from '../lib/file-watch.js';
import { ConfigurationError } from './cluster.js';
import { type Configuration, type ConfigurationOptions, loadConfiguration } from './configuration.js';
import type { Endpoint } from './endpoint.js';

/** How a configuration is followed. */
export interface FollowOptions extends Omit<ConfigurationOptions, 'rereadFiles'> {
  /** Changed files were read: no problems, or those for which the last good configuration stays in use. */
  readonly onReload: (problems: readonly string[]) => void;
  /** The kubeconfig was read, and has these contexts. */
  readonly onContexts?: (contexts: readonly ContextSummary[]) => void;
  /** Milliseconds between checks, 4,000 by default: a rotated file is in use within twice that. */
  readonly interval?: number;
  /** Milliseconds that a request waits after a 401 for the files to be read, 1,000 by default. Only a file that cannot be read takes longer. */
  readonly rereadTimeout?: number;
}

/**
 * Loads the configuration and follows it: a change of any of its files is in use within 10 s, and one that cannot be used (a certificate
 * whose key has not come yet, a broken edit, an empty file) leaves the last good one in use. Calls `use` with each endpoint, the first
 * one before it resolves. Rejects with a ConfigurationError.
 */
export async function followConfiguration(
  options: FollowOptions,
  use: (endpoint: Endpoint) => void,
): Promise<{ close(): void }> {
  let check: () => Promise<void> = async () => {};
  const rereadFiles = () =>
    Promise.race([check(), sleep(options.rereadTimeout ?? 1_000, undefined, { ref: false })]);
  const configurationOptions = { ...options, rereadFiles };
  const first = await loadConfiguration(configurationOptions);
  if (first.contexts !== undefined) options.onContexts?.(first.contexts);
  if ('problems' in first) throw new ConfigurationError(first.problems);

  let current: Configuration = first;
  // A configuration that cannot be used yet may name files that are still to come.
  let awaited: readonly string[] = [];
  use(first);
  const watch = await watchFiles({
    files: () => [...current.files, ...awaited],
    interval: options.interval ?? 4_000,
    onChange: async () => {
      const next = await loadConfiguration(configurationOptions, current);
      if (next.contexts !== undefined) options.onContexts?.(next.contexts);
      awaited = 'problems' in next ? (next.files ?? []) : [];
      if ('problems' in next) {
        options.onReload(next.problems);
        return;
      }
      if (current.source.name !== next.source.name) options.events.expires(current.source.name, undefined);
      current = next;
      use(next);
      options.onReload([]);
    },
  });
  check = watch.poll;
  return watch;
}
