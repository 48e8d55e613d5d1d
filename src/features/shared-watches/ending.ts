import type { Loss } from './metrics.js';

/** How a shared watch is over for its clients: like a watch that the API server ends, or with an error. */
export type Ending = 'end' | Error;

/** The response, or an event in it, has a form that cannot be shared. */
export class UnsharableError extends Error {}

/** The API server has sent a watch, and sends nothing more of it. Its clients go on at another one. */
export class LostError extends Error {
  readonly loss: Loss;

  constructor(loss: Loss, cause?: Error) {
    super(cause?.message ?? 'the API server ends the watch', { cause });
    this.loss = loss;
  }
}

/** The statuses by which the API server says that no user can go on from a version. */
const finalStatuses: ReadonlySet<number> = new Set([401, 404, 410]);

/** The API server has not opened a watch for the user as whom it was sent. */
export class RefusedError extends Error {
  /** As by `senderKey`. */
  readonly user: string;
  /** Undefined if it has not answered in time. */
  readonly #status: number | undefined;

  constructor(user: string, status?: number) {
    super(`the API server ${status === undefined ? 'does not answer in time' : `answers ${status}`}`);
    this.user = user;
    this.#status = status;
  }

  /** Whether it may open the watch for another user. */
  get isOfUser(): boolean {
    return this.#status === undefined || this.#status === 403 || this.#status === 429;
  }

  /** Whether it will never open the watch for this user. */
  isFinalFor(user: string): boolean {
    return finalStatuses.has(this.#status ?? 0) || (this.#status === 403 && this.user === user);
  }
}
