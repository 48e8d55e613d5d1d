import { setTimeout as sleep } from 'node:timers/promises';
import type { ContextSummary } from '../kubeconfig/contexts.js';
import { type FileWatchOptions, watchFiles } from '../lib/file-watch.js';
import { ConfigurationError } from './cluster.js';
import { type Configuration, type ConfigurationOptions, loadConfiguration } from './configuration.js';
import type { Endpoint } from './endpoint.js';

/** How the changes of a configuration are followed. */
export interface FollowOptions extends Omit<ConfigurationOptions, 'rereadFiles'> {
  /** Called after changed files were read. If there are problems, the last valid configuration stays in use. */
  readonly onReload: (problems: readonly string[]) => void;
  /** Called after the kubeconfig was read, with its contexts. */
  readonly onContexts?: (contexts: readonly ContextSummary[]) => void;
  readonly interval?: FileWatchOptions['interval'];
}

/** Milliseconds that a request waits after a 401 until the files are read. Reading takes longer only if a file does not answer. */
const rereadTimeout = 4_000;

/**
 * Loads the configuration and follows its changes: a change of any of its files is in use within 10 s. If the new version cannot be used (a
 * certificate without its new key, a broken edit, an empty file), the last valid configuration stays in use. Calls `use` with each
 * endpoint, and with the first one before it resolves. Rejects with a ConfigurationError.
 */
export async function followConfiguration(
  options: FollowOptions,
  use: (endpoint: Endpoint) => void,
): Promise<{ close(): void }> {
  let check: () => Promise<void> = async () => {};
  const rereadFiles = () => Promise.race([check(), sleep(rereadTimeout, undefined, { ref: false })]);
  const configurationOptions = { ...options, rereadFiles };
  const first = await loadConfiguration(configurationOptions);
  if (first.contexts !== undefined) options.onContexts?.(first.contexts);
  if ('problems' in first) throw new ConfigurationError(first.problems);

  let current: Configuration = first;
  // An invalid configuration may name files that do not exist yet. They are watched too.
  let awaited: readonly string[] = [];
  use(first);
  const watch = await watchFiles({
    files: () => [...current.files, ...awaited],
    interval: options.interval,
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
