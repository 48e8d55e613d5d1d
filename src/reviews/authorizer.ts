import type { UserInfo } from '../kubernetes/user-info.js';
import type { PhaseObserver } from '../lib/phases.js';
import type { Attributes } from './attributes.js';

/** What a user wants to do, and where. */
export interface Wish {
  /** With the groups that the API server adds. */
  readonly user: UserInfo;
  readonly attributes: Attributes;
  /** Name of the cluster's context. */
  readonly cluster: string;
  /** Is told how long a request waits for an authorizer that asks another server. */
  readonly phases?: PhaseObserver | undefined;
}

/** A no of an authorizer. */
export interface Denial {
  /** The name of who says it. */
  readonly by: string;
  /** What is denied: the wish, or something else that it takes. */
  readonly attributes: Attributes;
  /** May be empty. */
  readonly reason: string;
  /** Why it cannot decide, and denies for that; undefined if it has decided. */
  readonly error: Error | undefined;
}

/** Decides before the API server about all that users want to do. It can only deny: what it does not, the API server decides. */
export interface Authorizer {
  /** Who it is, for people. */
  readonly title: string;
  /** A promise only if another server has to be asked. Rejects with a TooManyReviewsError. */
  denialOf(wish: Wish): Denial | undefined | Promise<Denial | undefined>;
}

/** A user has too many questions that have no answer yet. */
export class TooManyReviewsError extends Error {
  /** Who is asked. */
  readonly asked: string;

  constructor(asked: string) {
    super(`${asked} has too many questions about this user at this moment`);
    this.asked = asked;
  }
}
