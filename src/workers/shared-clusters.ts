import type { Follow } from '../app/clusters.js';
import { ConfigurationError } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import type { FollowOptions } from '../clusters/follow.js';
import type { Channel } from './channel.js';
import type { QuestionsToPrimary, QuestionsToWorker, SharedEndpoint, Start, ToWorker } from './messages.js';
import { createRemoteSource, type RemoteSource } from './remote-source.js';

/** A worker's clusters, which follow those of the primary. */
export interface SharedClusters {
  /** Follows the endpoint of one cluster, instead of reading files. */
  readonly follow: Follow;
  /** Call this with each message of the primary about clusters. */
  take(message: ClusterMessage): void;
}

type ClusterMessage = Extract<ToWorker, { readonly type: 'endpoint' | 'contexts' | 'credential' }>;

/** One cluster that is followed. */
interface Followed {
  readonly use: (endpoint: Endpoint) => void;
  source: { readonly id: number; readonly source: RemoteSource };
}

/** Gives each cluster the endpoint that the primary has for it, from its first request on. */
export function createSharedClusters(
  channel: Channel<QuestionsToPrimary, QuestionsToWorker, ToWorker>,
  first: Pick<Start, 'endpoint' | 'contexts'>,
): SharedClusters {
  const followed = new Map<string, Followed>();
  /**
   * Clusters whose endpoint was asked for, with the last endpoint that came as a message since. One read of the pipe can bring an answer
   * and a later message.
   */
  const asked = new Map<string, SharedEndpoint | undefined>();
  let { endpoint: firstEndpoint, contexts } = first;
  let onContexts: FollowOptions['onContexts'];

  const createSource = ({ id, name, current }: SharedEndpoint['source']) => ({
    id,
    source: createRemoteSource(
      name,
      {
        credential: () => channel.ask('credential', id),
        refused: (credential: number) => channel.ask('refused', { source: id, credential }),
      },
      current,
    ),
  });
  const replace = (cluster: Followed, { source, ...rest }: SharedEndpoint): void => {
    if (cluster.source.id !== source.id) cluster.source = createSource(source);
    else if (source.current !== undefined) cluster.source.source.take(source.current);
    cluster.use({ ...rest, source: cluster.source.source });
  };
  const askForEndpoint = async (name: string): Promise<SharedEndpoint> => {
    asked.set(name, undefined);
    try {
      const answer = await channel.ask('endpoint', name);
      return asked.get(name) ?? answer;
    } catch (error) {
      throw new ConfigurationError([(error as Error).message]);
    } finally {
      asked.delete(name);
    }
  };

  return {
    follow: (name, options) => async use => {
      if (name === '') {
        onContexts = options.onContexts;
        onContexts?.(contexts);
      }
      const endpoint = name === '' ? firstEndpoint : await askForEndpoint(name);
      const cluster = { use, source: createSource(endpoint.source) };
      followed.set(name, cluster);
      replace(cluster, endpoint);
      return {
        close() {
          if (followed.get(name) === cluster) followed.delete(name);
        },
      };
    },
    take(message) {
      switch (message.type) {
        case 'endpoint': {
          const cluster = followed.get(message.cluster);
          if (asked.has(message.cluster)) asked.set(message.cluster, message.endpoint);
          if (cluster !== undefined) replace(cluster, message.endpoint);
          else if (message.cluster === '') firstEndpoint = message.endpoint;
          break;
        }
        case 'contexts':
          ({ contexts } = message);
          onContexts?.(contexts);
          break;
        case 'credential':
          for (const { source } of followed.values()) {
            if (source.id === message.source) source.source.take(message.current);
          }
          break;
      }
    },
  };
}
