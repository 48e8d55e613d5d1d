import { type Cluster, ConfigurationError } from '../clusters/cluster.js';
import type { ClusterRegistry } from '../clusters/registry.js';
import type { Credential } from '../credentials/credential.js';
import { CredentialError, type CredentialSource } from '../credentials/credential-source.js';
import type { NumberedCredential, SharedEndpoint, Start, ToWorker } from './messages.js';

/** The primary's clusters, in the form for workers. */
export interface SharedCredentials {
  /** What a worker needs to start. */
  first(): Pick<Start, 'endpoint' | 'contexts'>;
  /** The endpoint of a context. From then on, workers get each later one too. Rejects if the endpoint cannot be used. */
  endpoint(name: string): Promise<SharedEndpoint>;
  /** The credential of the source with this number; rejects with a CredentialError. */
  credential(source: number): Promise<NumberedCredential>;
  /** The API server refused a credential of a worker. Resolves when another one was sent to the workers, or when there is none. */
  refused(source: number, credential: number): Promise<void>;
  /** Sends workers what has changed. Call this when the configuration or a credential may have changed. */
  publish(): void;
}

/** What workers last got about one cluster. */
interface Published {
  readonly cluster: Cluster;
  readonly endpoint: Cluster['endpoint'];
  readonly current: NumberedCredential | undefined;
}

/** A credential that belongs to no source. If it is refused, the source sees that its own credential has been replaced since. */
const stale: Credential = {};

/**
 * Shares the credential sources among processes: a plugin runs once for all of them, and a refresh token is used once. The sources
 * themselves make sure that no two renewals overlap.
 */
export function shareCredentials(
  clusters: ClusterRegistry,
  send: (message: ToWorker) => void,
): SharedCredentials {
  const numbers = new WeakMap<object, number>();
  let last = 0;
  const numberOf = (thing: object): number => {
    const number = numbers.get(thing) ?? ++last;
    numbers.set(thing, number);
    return number;
  };
  const give = (source: CredentialSource, credential: Credential): NumberedCredential => ({
    id: numberOf(credential),
    credential,
    endsAt: source.endsAt,
  });
  const credentialOf = (source: CredentialSource): NumberedCredential | undefined => {
    const credential = source.get();
    if (!(credential instanceof Promise)) return give(source, credential);
    // A worker that needs the credential asks for it, and its question waits.
    credential.catch(() => {});
    return undefined;
  };
  /** The key is the name that workers have for the cluster: empty for the cluster of `/`. */
  const published = new Map<string, Published>();
  let contexts = clusters.contexts;

  const sourceOf = (number: number): CredentialSource => {
    const used = clusters.used.find(
      ({ endpoint }) => endpoint !== undefined && numberOf(endpoint.source) === number,
    );
    if (used?.endpoint === undefined) throw new CredentialError('the credential is no longer in use');
    return used.endpoint.source;
  };
  const share = (name: string, cluster: Cluster): SharedEndpoint => {
    if (cluster.endpoint === undefined) throw new CredentialError(`context "${name}" is not in use`);
    const { source, ...rest } = cluster.endpoint;
    const current = credentialOf(source);
    published.set(name, { cluster, endpoint: cluster.endpoint, current });
    return { ...rest, source: { id: numberOf(source), name: source.name, current } };
  };
  const publishOne = (name: string, { cluster, endpoint, current }: Published): void => {
    if (cluster.endpoint === undefined) return;
    if (cluster.endpoint !== endpoint) {
      send({ type: 'endpoint', cluster: name, endpoint: share(name, cluster) });
      return;
    }
    const { source } = cluster.endpoint;
    const now = credentialOf(source);
    if (now === undefined || (now.id === current?.id && now.endsAt === current.endsAt)) return;
    published.set(name, { cluster, endpoint, current: now });
    send({ type: 'credential', source: numberOf(source), current: now });
  };
  const publish = (): void => {
    if (contexts !== clusters.contexts) {
      contexts = clusters.contexts;
      send({ type: 'contexts', contexts });
    }
    const used = new Set(clusters.used);
    for (const [name, one] of published) {
      // A worker asked for this context by name while it was the context of `/`. Now `/` may have another context.
      const isFormerDefault = name !== '' && one.cluster === clusters.default;
      if (used.has(one.cluster) && !isFormerDefault) publishOne(name, one);
      else published.delete(name);
    }
  };

  return {
    publish,
    first: () => ({ endpoint: share('', clusters.default), contexts }),
    async endpoint(name) {
      const cluster = clusters.get(name);
      if (cluster === undefined) throw new CredentialError(`there is no context "${name}"`);
      await cluster.open().catch(withoutContext);
      return share(name, cluster);
    },
    async credential(number) {
      const source = sourceOf(number);
      return give(source, await source.get());
    },
    async refused(number, id) {
      const source = sourceOf(number);
      const credential = source.get();
      const isCurrent = !(credential instanceof Promise) && numberOf(credential) === id;
      if (credential instanceof Promise) credential.catch(() => {});
      await source.refused(isCurrent ? credential : stale);
      publish();
    },
  };
}

/** The problems without the name of the context, which the worker adds itself. */
function withoutContext(error: unknown): never {
  throw error instanceof ConfigurationError ? new Error(error.problems.join('; ')) : error;
}
