import type { Follow } from '../app/clusters.js';
import { ConfigurationError } from '../clusters/cluster.js';
import type { Endpoint } from '../clusters/endpoint.js';
import type { FollowOptions } from '../clusters/follow.js';
import type { Channel } from './channel.js';
import type { QuestionsToPrimary, QuestionsToWorker, SharedEndpoint, Start, ToWorker } from './messages.js';
import { createRemoteSource, type RemoteSource } from './remote-source.js';

/** A worker's clusters, which follow those of the primary. */
export interface SharedClusters {
  /** Follows one of them, instead of reading files. */
  readonly follow: Follow;
  /** Takes a message of the primary about them. */
  take(message: ClusterMessage): void;
}

type ClusterMessage = Extract<ToWorker, { readonly type: 'endpoint' | 'contexts' | 'credential' }>;

/** One cluster that is followed. */
interface Followed {
  readonly use: (endpoint: Endpoint) => void;
  source: { readonly id: number; readonly source: RemoteSource };
}

/** Gives clusters the endpoints that the primary has for them, from their first request on. */
export function createSharedClusters(
  channel: Channel<QuestionsToPrimary, QuestionsToWorker, ToWorker>,
  first: Pick<Start, 'endpoint' | 'contexts'>,
): SharedClusters {
  const followed = new Map<string, Followed>();
  let { endpoint: firstEndpoint, contexts } = first;
  let onContexts: FollowOptions['onContexts'];

  const createSource = ({ id, name, given }: SharedEndpoint['source']) => ({
    id,
    source: createRemoteSource(
      name,
      {
        credential: () => channel.ask('credential', id),
        refused: (credential: number) => channel.ask('refused', { source: id, credential }),
      },
      given,
    ),
  });
  const replace = (cluster: Followed, { source, ...rest }: SharedEndpoint): void => {
    if (cluster.source.id !== source.id) cluster.source = createSource(source);
    else if (source.given !== undefined) cluster.source.source.take(source.given);
    cluster.use({ ...rest, source: cluster.source.source });
  };
  const askForEndpoint = (name: string): Promise<SharedEndpoint> =>
    channel.ask('endpoint', name).catch((error: Error) => {
      throw new ConfigurationError([error.message]);
    });

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
      return { close: () => void followed.delete(name) };
    },
    take(message) {
      switch (message.type) {
        case 'endpoint': {
          const cluster = followed.get(message.cluster);
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
            if (source.id === message.source) source.source.take(message.given);
          }
          break;
      }
    },
  };
}
