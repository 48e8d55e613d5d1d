import type { Question, Reviews } from '../../reviews/reviews.js';
import type { CredentialCheck } from './watch-to-share.js';

/** The right of a client's user to its watch, as the API server says it. */
export class Right {
  readonly #reviews: Pick<Reviews, 'isPermitted' | 'ask'>;
  readonly #question: Question;

  constructor(reviews: Pick<Reviews, 'isPermitted' | 'ask'>, question: Question) {
    this.#reviews = reviews;
    this.#question = question;
  }

  /** Whether the user may watch. Also false if nobody says it. */
  isCertain(): true | Promise<boolean> {
    if (this.#reviews.isPermitted(this.#question)) return true;
    return this.#reviews.ask(this.#question).then(
      ({ isAllowed }) => isAllowed,
      () => false,
    );
  }

  /** Whether the client's credential is valid, and the user may still watch. Throws, or rejects, if nobody can say it at this moment. */
  with(isStillValid: CredentialCheck | undefined): CredentialCheck {
    return () => {
      const isValid = isStillValid?.() ?? true;
      if (isValid instanceof Promise) return isValid.then(valid => valid && this.#goesOn());
      return isValid && this.#goesOn();
    };
  }

  #goesOn(): boolean | Promise<boolean> {
    if (this.#reviews.isPermitted(this.#question)) return true;
    return this.#reviews.ask(this.#question).then(({ isAllowed, hasError }) => {
      if (!isAllowed && hasError) throw new Error('it is not known whether the user may still watch');
      return isAllowed;
    });
  }
}
