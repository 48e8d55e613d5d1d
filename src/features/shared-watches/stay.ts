import { pauseAfter } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import { backoff, resumeWithin } from './lasting-watch.js';
import type { ClientWatch, CredentialCheck } from './watch-to-share.js';

/**
 * If a client sets no time limit, its watch lasts at least this number of milliseconds, and at most twice that. This is the API server's
 * `--min-request-timeout`.
 */
const minLifetime = 30 * 60_000;

/** The client that stays. */
export interface Guest {
  /** It may go on, after it had to wait for that. */
  goOn(): void;
  /** Its time is over, or its credential is no longer valid. */
  end(): void;
  /** Nobody has said in time whether its credential is valid. */
  fail(error: Error): void;
}

/** How long a client may stay at its watch: until its time is over, and as long as its credential is valid. */
export class Stay {
  readonly #guest: Guest;
  readonly #isStillValid: CredentialCheck | undefined;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Whether the client may get events: nobody is being asked whether its credential is still valid. */
  isCertain = true;
  #isOver = false;
  #failure: Error | undefined;
  #failures = 0;
  #cancelEnd: () => void = () => {};
  #cancelRetry: () => void = () => {};
  #cancelDeadline: () => void = () => {};

  constructor(
    guest: Guest,
    isStillValid: CredentialCheck | undefined,
    { clock, random }: { readonly clock: Clock; readonly random: () => number },
  ) {
    this.#guest = guest;
    this.#isStillValid = isStillValid;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * The client's response begins, or has begun before. Returns false if its time is over already: its credential may have expired meanwhile.
   *
   * @param age For how many milliseconds the response has lasted.
   */
  begin({ timeout, expires = Number.POSITIVE_INFINITY }: ClientWatch, age = 0): boolean {
    const begun = new Moment(this.#clock);
    const allowed = timeout ?? minLifetime * (1 + this.#random());
    const lifetime = Math.min(allowed - age, expires - begun.time);
    this.#cancelEnd = begun.schedule(lifetime, () => this.#guest.end());
    return lifetime > 0;
  }

  /**
   * Asks whether the client's credential is still valid. A definite no ends the client. If nobody can say it now, asks again, for
   * `resumeWithin`.
   */
  recheck(): void {
    if (this.#isStillValid === undefined || !this.isCertain) return;
    this.#failures = 0;
    this.#failure = undefined;
    const answer = this.#answer();
    if (answer === true) return;
    if (answer === false) {
      this.#guest.end();
      return;
    }
    this.isCertain = false;
    const late = () => this.#failure ?? new Error('it is not known in time whether the credential is valid');
    this.#cancelDeadline = this.#clock.schedule(resumeWithin, () => this.#guest.fail(late()));
    this.#await(answer);
  }

  /** The client has left. */
  over(): void {
    this.#isOver = true;
    this.#cancelEnd();
    this.#cancelRetry();
    this.#cancelDeadline();
  }

  #answer(): boolean | Promise<boolean> {
    try {
      return (this.#isStillValid as CredentialCheck)();
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  #await(answer: boolean | Promise<boolean>): void {
    Promise.resolve(answer).then(
      isValid => this.#answered(isValid),
      (error: Error) => this.#askAgain(error),
    );
  }

  #answered(isValid: boolean): void {
    if (this.#isOver) return;
    this.#cancelDeadline();
    this.isCertain = true;
    if (isValid) this.#guest.goOn();
    else this.#guest.end();
  }

  #askAgain(error: Error): void {
    if (this.#isOver) return;
    this.#failure = error;
    this.#failures += 1;
    const pause = pauseAfter(this.#failures, backoff, this.#random);
    this.#cancelRetry = this.#clock.schedule(pause, () => this.#await(this.#answer()));
  }
}
