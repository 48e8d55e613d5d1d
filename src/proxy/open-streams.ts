import type { Cluster } from '../clusters/cluster.js';
import type { StatusError } from '../kubernetes/status.js';
import type { OpenRequest } from '../request/context.js';
import type { Revocation } from '../request/recorded-request.js';
import type { Question } from '../reviews/reviews.js';
import type { Recheck } from './route.js';

/** Why a stream is ended although both sides would keep it open. */
export interface StreamEnd {
  readonly endedBy: Revocation;
  /** What its client is told, if its protocol can say it. */
  readonly error: StatusError;
}

/**
 * An exchange that both sides may keep open: a watch, a followed log, an upgraded connection. Any other request is one too as long as it is
 * open, because its body, or its answer, may come slowly.
 */
export interface OpenStream {
  readonly request: OpenRequest;
  /** What its user has to be allowed to do, all of it, as long as the stream is open. */
  readonly questions: readonly Question[];
  /**
   * Ends it in the way of its kind, so that its client does not take a part of an answer for the whole: a watch between two events, a log cut
   * behind a whole line, a remote command with a Status. A client that does not read is cut off within `longestEnd`.
   */
  revoke(end: StreamEnd): void;
  /** Ends it as its protocol does, as if the API server had ended it. */
  endEarly(): void;
  /** Cuts it off. */
  destroy(): void;
  /** The cluster of an upgraded connection; undefined for other streams. */
  readonly upgradedTo?: Cluster | undefined;
}

/** The longest time in milliseconds between `OpenStream.revoke` and the end of the stream. */
export const longestEnd = 10_000;

/** Follows the open streams. */
export interface StreamFollower {
  /** Whether it ends streams whose credential has expired. Then nobody else does. */
  readonly endsAtExpiry: boolean;
  /** Whether it may end this request. Otherwise nobody has to know where its answer can be ended. */
  mayEnd(request: Pick<OpenRequest, 'caller' | 'cluster'>): boolean;
  /** A request was sent to the API server. Its answer begins later. */
  began(stream: OpenStream): void;
  /** The answer of a long-running request, or an upgraded connection, has begun: the API server has let the user do it. */
  opened(stream: OpenStream): void;
  ended(stream: OpenStream): void;
}

/**
 * Makes a follower, once, when the server is built.
 *
 * @param isStillKnown Whether the credential of an open request's caller is valid, and still that of the same user. Undefined if callers are
 * not authenticated.
 */
export type CreateFollower = (isStillKnown: Recheck | undefined) => StreamFollower;

/** All open requests and upgrades for API servers, so that a shutdown can end the long-running ones, and others can follow them. */
export class OpenStreams {
  /** The long-running requests and the upgrades. */
  readonly #streams = new Set<OpenStream>();
  readonly #followers: StreamFollower[] = [];
  /** Whether the streams have been asked to end. From then on, the connections of clients close after their answer. */
  ending = false;

  /** From now on, this one follows the streams. */
  addFollower(follower: StreamFollower): void {
    this.#followers.push(follower);
  }

  /** Whether a follower may end this request. */
  mayEnd(request: Pick<OpenRequest, 'caller' | 'cluster'>): boolean {
    return this.#followers.some(follower => follower.mayEnd(request));
  }

  add(stream: OpenStream): void {
    if (staysOpen(stream)) {
      this.#streams.add(stream);
      // A connection that is still open can begin a stream after all others were asked to end.
      if (this.ending) setImmediate(() => stream.endEarly());
    }
    for (const follower of this.#followers) follower.began(stream);
  }

  delete(stream: OpenStream): void {
    this.#streams.delete(stream);
    for (const follower of this.#followers) follower.ended(stream);
  }

  /** The answer of a stream has begun. */
  opened(stream: OpenStream): void {
    for (const follower of this.#followers) follower.opened(stream);
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

/** Whether both sides may keep it open: the API server would call it long-running, or it is an upgrade. */
export function staysOpen({ request: { record } }: OpenStream): boolean {
  return record.longRunning || record.isUpgrade;
}
