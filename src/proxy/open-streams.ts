import type { Cluster } from '../clusters/cluster.js';

/** Something that stays open for as long as both sides like: a watch, a followed log, an upgraded connection. */
export interface OpenStream {
  /** Ends it as its protocol ends, as if the API server had ended it. */
  end(): void;
  /** Cuts it off. */
  destroy(): void;
  /** The cluster that it goes to, if it is a connection that was switched to another protocol. */
  readonly upgradedTo: Cluster | undefined;
}

/** Every open long-running request and upgrade, so that a shutdown can end them. */
export class OpenStreams {
  readonly #streams = new Set<OpenStream>();
  #ending = false;

  /** Whether they have been asked to end. Every connection of a client closes from then on. */
  get ending(): boolean {
    return this.#ending;
  }

  add(stream: OpenStream): void {
    this.#streams.add(stream);
    // A connection that is still in use can bring one after all others were asked to end.
    if (this.#ending) setImmediate(() => stream.end());
  }

  delete(stream: OpenStream): void {
    this.#streams.delete(stream);
  }

  /** How many connections to a cluster were switched to another protocol. */
  upgradedTo(cluster: Cluster): number {
    let count = 0;
    for (const { upgradedTo } of this.#streams) if (upgradedTo === cluster) count += 1;
    return count;
  }

  /** Asks every stream to end. */
  end(): void {
    this.#ending = true;
    for (const stream of this.#streams) stream.end();
  }

  /** Cuts off every stream that is still open. */
  destroy(): void {
    for (const stream of this.#streams) stream.destroy();
  }
}
