import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { type Followed, follow } from '../lib/follow.js';
import type { ReadFile } from '../lib/read-file.js';
import { type KubeconfigLocation, loadKubeconfig } from './load.js';
import { isEmpty } from './resolve.js';
import { parseServerAddress, urlOf } from './server-address.js';
import type { Kubeconfig } from './types.js';

/** Which kubeconfig is followed. */
export interface FollowedKubeconfigOptions {
  readonly location: KubeconfigLocation;
  /** The environment of the process. In a Pod it names the API server. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a flag names the API server, so that a Pod's service account does not. */
  readonly hasServer: boolean;
  /** Milliseconds between two looks at the files. */
  readonly interval?: number | undefined;
}

/** A kubeconfig that is followed, once for all clusters that are made from it. It is read at the first `poll`. */
export class FollowedKubeconfig {
  /** The last version that could be used, or a Pod's service account if there is none; undefined if there was no such version yet. */
  current: Kubeconfig | undefined;
  /** The contexts of the current version. */
  contexts: readonly ContextSummary[] = [];
  /** Why the files' version is not the current one, one line each; empty if it is. */
  problems: readonly string[] = [];
  readonly #options: FollowedKubeconfigOptions;
  readonly #listeners = new Set<() => void>();
  #followed: Promise<Followed<object>> | undefined;
  #isClosed = false;
  /** Whether the current version comes from files with content. */
  #hasContent = false;

  constructor(options: FollowedKubeconfigOptions) {
    this.#options = options;
  }

  /** Looks at the files now. When it resolves, all properties are of what they say. */
  async poll(): Promise<void> {
    if (this.#followed !== undefined) return (await this.#followed).poll();
    // What is wrong with a version is no reason to stop: see `problems`.
    this.#followed = follow<object, never>({
      interval: this.#options.interval,
      load: read => this.#load(read),
      onChange: () => void this.#tell(),
    }) as Promise<Followed<object>>;
    const followed = await this.#followed;
    if (this.#isClosed) followed.close();
    await this.#tell();
  }

  /** Calls a function after each reading, also if there are problems. Returns what ends that. */
  whenRead(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#isClosed = true;
    void this.#followed?.then(followed => followed.close());
  }

  async #load(read: ReadFile): Promise<object> {
    const loaded = await loadKubeconfig(this.#options.location, read);
    this.problems = 'problems' in loaded ? loaded.problems : this.#take(loaded.kubeconfig);
    return {};
  }

  async #tell(): Promise<void> {
    for (const listener of this.#listeners) {
      listener();
      // There may be a thousand: requests get their turn in between.
      await setImmediate();
    }
  }

  /** Returns why it cannot take the place of the current version. */
  #take(kubeconfig: Kubeconfig): readonly string[] {
    const { env, hasServer } = this.#options;
    const hasContent = !isEmpty(kubeconfig);
    // The file is probably being rewritten. Without it, the proxy would have another identity, or none.
    if (this.#hasContent && !hasContent)
      return [`the kubeconfig is empty now: ${kubeconfig.candidates.join(', ')}`];
    const isInCluster = kubeconfig.files.length === 0 && !hasServer;
    this.current = (isInCluster && inClusterKubeconfig(env, serviceAccountDirectory)) || kubeconfig;
    this.contexts = summarizeContexts(this.current);
    this.#hasContent = hasContent;
    return [];
  }
}

/** A context of the kubeconfig, with the names that the file uses. Missing ones are empty. It contains no secret. */
export interface ContextSummary {
  readonly name: string;
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string;
  /** The URL of the cluster's server, without query and fragment; empty if it cannot be used. */
  readonly server: string;
  /** It is no context, but a cluster that a feature has added: its callers are those of `/`. */
  readonly isAdded?: true;
}

/** The contexts, in the kubeconfig's order. */
function summarizeContexts({ contexts, clusters }: Kubeconfig): readonly ContextSummary[] {
  return [...contexts].map(([name, { value }]) => {
    const { cluster = '', user = '', namespace = '' } = value;
    return { name, cluster, user, namespace, server: serverUrl(clusters.get(cluster)?.value.server) };
  });
}

function serverUrl(server = ''): string {
  const parsed = parseServerAddress(server, '');
  return 'address' in parsed ? urlOf(parsed.address) : '';
}

/** The folder where a Pod's service account is mounted. */
export const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The kubeconfig of a process in a Pod, as in client-go's `rest.InClusterConfig`. KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name
 * the API server. The token and the authority are in the service account's mount. Undefined outside of a Pod. Unlike client-go, it never
 * trusts the well-known authorities if ca.crt is missing.
 */
export function inClusterKubeconfig(
  env: Readonly<Record<string, string | undefined>>,
  directory: string,
): Kubeconfig | undefined {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = env;
  const tokenFile = join(directory, 'token');
  if (host === '' || port === '' || !existsSync(tokenFile)) return undefined;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  if ('problem' in parseServerAddress(server, 'KUBERNETES_SERVICE_HOST')) return undefined;
  const named = <T>(value: T) => new Map([[name, { value, file: tokenFile }]]);
  const name = 'in-cluster';
  return {
    files: [tokenFile],
    candidates: [tokenFile],
    currentContext: name,
    clusters: named({ server, 'certificate-authority': join(directory, 'ca.crt') }),
    users: named({ tokenFile }),
    contexts: named({ cluster: name, user: name }),
  };
}
