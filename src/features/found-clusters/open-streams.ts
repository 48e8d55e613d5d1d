import type { Cluster } from '../../clusters/cluster.js';
import { StatusError } from '../../kubernetes/status.js';
import type { OpenStream, StreamFollower } from '../../proxy/open-streams.js';

const error = new StatusError(503, 'the cluster is no longer served');

/** The open requests to found clusters, by the names of these. They end with their cluster. */
export class StreamsOfFound implements StreamFollower {
  readonly endsAtExpiry = false;
  readonly #open = new Map<string, Set<OpenStream>>();

  mayEnd({ cluster }: { readonly cluster: Cluster }): boolean {
    return cluster.voucher !== cluster;
  }

  began(stream: OpenStream): void {
    const { cluster } = stream.request;
    if (!this.mayEnd(stream.request)) return;
    const open = this.#open.get(cluster.name) ?? new Set();
    this.#open.set(cluster.name, open.add(stream));
  }

  opened(): void {}

  ended(stream: OpenStream): void {
    const { name } = stream.request.cluster;
    const open = this.#open.get(name);
    if (open?.delete(stream) && open.size === 0) this.#open.delete(name);
  }

  /** Ends all requests to a cluster. */
  end(cluster: string): void {
    for (const stream of [...(this.#open.get(cluster) ?? [])]) stream.revoke({ endedBy: 'cluster', error });
  }
}
