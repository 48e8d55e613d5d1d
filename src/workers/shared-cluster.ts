import { Cluster, type Endpoint } from '../clusters/cluster.js';
import type { FollowedCluster, FollowOptions } from '../clusters/follow.js';
import type { Channel } from './channel.js';
import type { GivenCredential, SharedEndpoint, ToldByPrimary, ToldByWorker, ToWorker } from './messages.js';
import { createRemoteSource, type RemoteSource } from './remote-source.js';

/** A worker's cluster, which follows the primary's. */
export interface SharedCluster {
  /** Makes it; to be called once. */
  readonly follow: (options: FollowOptions) => Promise<FollowedCluster>;
  /** The primary's endpoint is this one now. */
  replace(endpoint: SharedEndpoint): void;
  /** One of the primary's sources gives this now. */
  take(change: { readonly source: number; readonly given: GivenCredential }): void;
}

/** An cluster from what the primary tells, before it is made and after. */
export function createSharedCluster(
  channel: Channel<ToldByPrimary, ToldByWorker, ToWorker>,
  first: SharedEndpoint,
): SharedCluster {
  let cluster: Cluster | undefined;
  let used: { readonly id: number; readonly source: RemoteSource } | undefined;

  const toEndpoint = ({ source: { id, name, given }, ...rest }: SharedEndpoint): Endpoint => {
    if (used?.id === id && given !== undefined) used.source.take(given);
    if (used?.id !== id) {
      const remote = {
        credential: () => channel.ask('credential', id),
        refused: (credential: number) => channel.ask('refused', { source: id, credential }),
      };
      used = { id, source: createRemoteSource(name, remote, given) };
    }
    return { ...rest, source: used.source };
  };
  let endpoint = toEndpoint(first);

  return {
    async follow(options) {
      cluster = new Cluster(endpoint, options);
      return { cluster, close: () => {} };
    },
    replace(next) {
      endpoint = toEndpoint(next);
      cluster?.replace(endpoint);
    },
    take({ source, given }) {
      if (used?.id === source) used.source.take(given);
    },
  };
}
