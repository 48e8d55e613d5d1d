import type { Cluster } from '../clusters/cluster.js';

/** An exchange that both sides may keep open: a watch, a followed log, an upgraded connection. */
export interface OpenStream {
  /** Ends it as its protocol does, as if the API server had ended it. */
  endEarly(): void;
  /** Cuts it off. */
  destroy(): void;
  /** The cluster of an upgraded connection; undefined for other streams. */
  readonly upgradedTo: Cluster | undefined;
}

/** All open long-running requests and upgrades, so that a shutdown can end them. */
export class OpenStreams {
  readonly #streams = new Set<OpenStream>();
  /** Whether the streams have been asked to end. From then on, the connections of clients close after their answer. */
  ending = false;

  add(stream: OpenStream): void {
    this.#streams.add(stream);
    // A connection that is still open can begin a stream after all others were asked to end.
    if (this.ending) setImmediate(() => stream.endEarly());
  }

  delete(stream: OpenStream): void {
    this.#streams.delete(stream);
  }

  /** The number of upgraded connections to a cluster. */
  upgradedTo(cluster: Cluster): number {
    let count = 0;
    for (const { upgradedTo } of this.#streams) if (upgradedTo === cluster) count += 1;
    return count;
  }

  /** Asks every stream to end. */
  end(): void {
    this.ending = true;
    for (const stream of this.#streams) stream.endEarly();
  }

  /** Cuts off every stream that is still open. */
  destroy(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}
