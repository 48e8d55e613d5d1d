import { impersonatedUser } from '../../kubernetes/impersonation.js';
import { StatusError } from '../../kubernetes/status.js';
import type { ReviewingCluster } from '../../reviews/access-review.js';
import { type Denial, TooManyReviewsError, type Wish } from '../../reviews/authorizer.js';
import { forbiddenMessage } from '../../reviews/forbidden.js';
import type { MissingRights } from '../../reviews/missing-rights.js';
import type { Question, Reviews } from '../../reviews/reviews.js';
import type { EndpointIdentity } from '../../transport/access.js';

/** Why a request is refused that the API server may let its user do. */
export interface Objection {
  readonly reason: 'webhook_denied' | 'webhook_error' | 'proxy_right';
  readonly message: string;
  /** Why an added authorizer cannot decide, and denies for that; undefined if it has decided. */
  readonly error?: string;
}

interface Parts {
  readonly reviews: Pick<Reviews, 'denialOf' | 'authorizer'>;
  readonly missingRights: Pick<MissingRights, 'missingFor' | 'mayMiss'>;
}

/** What stands against a request before the API server decides: an added authorizer denies it, or the proxy may not do it, whoever asks. */
export class Objections {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Whether there can be any. */
  async areThere(cluster: ReviewingCluster, judgedFor: EndpointIdentity): Promise<boolean> {
    const { reviews, missingRights } = this.#parts;
    return reviews.authorizer !== undefined || missingRights.mayMiss(cluster, judgedFor);
  }

  /** Undefined if there is none, or if nobody knows about the rights of the proxy. Rejects with a StatusError of 429. */
  async to(question: Question): Promise<Objection | undefined> {
    const { as, attributes, cluster } = question;
    const { missingRights } = this.#parts;
    const user = as === 'configured' ? undefined : impersonatedUser(as);
    if (user === undefined) return undefined;
    const denial = await this.#denialOf({ user, attributes, cluster: cluster.name });
    if (denial !== undefined) {
      const message = forbiddenMessage(user.username, denial.attributes, denial.reason);
      if (denial.error === undefined) return { reason: 'webhook_denied', message };
      return { reason: 'webhook_error', message, error: denial.error.message };
    }
    const missing = await missingRights.missingFor(question).catch(() => undefined);
    return missing && { reason: 'proxy_right', message: missing.message };
  }

  async #denialOf(wish: Wish): Promise<Denial | undefined> {
    try {
      return await this.#parts.reviews.denialOf(wish);
    } catch (error) {
      if (!(error instanceof TooManyReviewsError)) throw error;
      throw new StatusError(429, `${error.message}; try again`, { retryAfterSeconds: 1 });
    }
  }
}
