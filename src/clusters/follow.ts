import { setTimeout as sleep } from 'node:timers/promises';
import type { FollowedKubeconfig } from '../kubeconfig/followed-kubeconfig.js';
import { isSet } from '../kubeconfig/overrides.js';
import type { Kubeconfig } from '../kubeconfig/types.js';
import { follow } from '../lib/follow.js';
import { ConfigurationError } from './cluster.js';
import { type ConfigurationOptions, loadConfiguration } from './configuration.js';
import type { Endpoint } from './endpoint.js';

/** How the changes of a configuration are followed. */
export interface FollowOptions extends Omit<ConfigurationOptions, 'rereadFiles'> {
  readonly kubeconfig: FollowedKubeconfig;
  /** Called after changed files were read. If there are problems, the last valid configuration stays in use; otherwise there are two endpoints. */
  readonly onReload: (problems: readonly string[], now?: Endpoint, before?: Endpoint) => void;
  /** Milliseconds between two looks at the files. */
  readonly interval?: number | undefined;
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
  const { kubeconfig, overrides, events, interval, onReload } = options;
  const rereadFiles = async () => {
    const reread = async () => {
      await kubeconfig.poll();
      const followed = await started;
      if ('poll' in followed) await followed.poll();
    };
    await Promise.race([reread(), sleep(rereadTimeout, undefined, { ref: false })]);
  };
  let loaded: Kubeconfig | undefined;
  const started = follow<Endpoint>({
    interval,
    async load(read, before) {
      // Files and kubeconfig may have been replaced in one step: a new token must not go to the old server.
      await kubeconfig.poll();
      loaded = kubeconfig.current;
      if (loaded === undefined) return { problems: kubeconfig.problems };
      const next = await loadConfiguration(loaded, { ...options, rereadFiles }, read, before);
      if (!('problems' in next)) use(next);
      return next;
    },
    isStale: () => loaded !== kubeconfig.current,
    onChange(next, before) {
      if ('problems' in next) return onReload(next.problems);
      if (before.source.name !== next.source.name) events.expires(before.source.name, undefined);
      onReload([], next, before);
    },
  });
  const unsubscribe = kubeconfig.whenRead(async () => {
    const followed = await started;
    if ('problems' in followed) return;
    if (kubeconfig.problems.length > 0) return onReload(kubeconfig.problems);
    await followed.poll();
    warnOfContext(followed.current.context);
  });
  let warnedOf: string | undefined;
  const warnOfContext = (context: string) => {
    const { currentContext = '' } = kubeconfig.current ?? {};
    const isOther = ![context, ''].includes(currentContext) && context !== '' && !isSet(overrides.context);
    if (isOther && currentContext !== warnedOf) {
      events.log.warn(
        { context, currentContext },
        'the current-context of the kubeconfig has changed; the context of the start stays in use; to change it, restart, or set --context',
      );
    }
    warnedOf = isOther ? currentContext : undefined;
  };
  const followed = await started;
  if ('problems' in followed) {
    unsubscribe();
    throw new ConfigurationError(followed.problems);
  }
  return {
    close() {
      unsubscribe();
      followed.close();
    },
  };
}
