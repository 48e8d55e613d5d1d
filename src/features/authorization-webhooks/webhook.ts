import type { Clock } from '../../lib/clock.js';
import { timed } from '../../lib/phases.js';
import { TooManyReviewsError } from '../../reviews/authorizer.js';
import type { ReviewStatus } from './answer.js';
import type { WebhookConfiguration } from './configuration.js';
import type { WebhookMetrics, WebhooksMetrics } from './metrics.js';
import { Outage, type OutageLog } from './outage.js';
import type { AskedReview } from './review.js';
import { VerdictCache } from './verdict-cache.js';
import { WebhookCalls } from './webhook-calls.js';
import { WebhookError } from './webhook-error.js';

/** A no, or an error that counts as one. */
interface Refusal {
  readonly reason: string;
  readonly error: Error | undefined;
}

/** What is kept of a wish about which a webhook is not asked. */
const excluded: ReviewStatus = { isAllowed: false, isDenied: false, reason: '' };

/** What a webhook thinks. */
export type Opinion = 'allow' | 'none' | Refusal;

/** One webhook, which says what it thinks as one of an API server would. */
export class Webhook {
  readonly #configuration: WebhookConfiguration;
  readonly #metrics: WebhookMetrics;
  readonly #calls: WebhookCalls;
  readonly #verdicts: VerdictCache;
  readonly #outage: Outage;
  /** The questions that have no answer yet. */
  readonly #pending = new Map<string, Promise<Opinion>>();

  constructor(
    configuration: WebhookConfiguration,
    {
      metrics,
      clock,
      log,
    }: { readonly metrics: WebhooksMetrics; readonly clock: Clock; readonly log: OutageLog },
  ) {
    this.#configuration = configuration;
    this.#metrics = metrics.of(configuration.name);
    this.#calls = new WebhookCalls({ webhook: configuration, clock, metrics: this.#metrics });
    this.#verdicts = new VerdictCache(clock);
    this.#outage = new Outage(configuration, clock, log);
  }

  get name(): string {
    return this.#configuration.name;
  }

  /** What readyz says of it while it fails. */
  get warning(): string | undefined {
    return this.#outage.warning;
  }

  /** A promise only if the webhook has to be called. Rejects with a TooManyReviewsError. */
  opinionOn(review: AskedReview): Opinion | Promise<Opinion> {
    const kept = this.#verdicts.get(review.key);
    if (kept === excluded) {
      this.#metrics.excluded();
      return 'none';
    }
    // Conditions have one result for one spec: what is kept has passed them.
    if (kept !== undefined) {
      this.#metrics.hit();
      return opinionOf(kept);
    }
    try {
      if (!this.#matches(review)) {
        if (review.isKept) this.#verdicts.set(review.key, excluded, Number.POSITIVE_INFINITY);
        return 'none';
      }
    } catch (error) {
      return this.#withoutAnswer(error as Error);
    }
    this.#metrics.missed();
    return this.#share(review);
  }

  /** Whether all match conditions are true. Throws an error if one has no result, unless another one is false. */
  #matches(review: AskedReview): boolean {
    const { matchConditions } = this.#configuration;
    if (matchConditions.length === 0) return true;
    const { spec } = review;
    let failure: Error | undefined;
    for (const condition of matchConditions) {
      try {
        if (condition.matches(spec)) continue;
        this.#metrics.excluded();
        return false;
      } catch (error) {
        if (failure === undefined) this.#metrics.conditionFailed();
        failure ??= new Error(
          `cel evaluation error: expression '${condition.expression}' resulted in error: ${(error as Error).message}`,
        );
      }
    }
    if (failure !== undefined) throw failure;
    return true;
  }

  #share(review: AskedReview): Promise<Opinion> {
    let opinion = this.#pending.get(review.key);
    if (opinion === undefined) {
      opinion = this.#ask(review).finally(() => this.#pending.delete(review.key));
      this.#pending.set(review.key, opinion);
    }
    return timed(review.wish.phases, 'webhook', opinion, opinion);
  }

  async #ask(review: AskedReview): Promise<Opinion> {
    let status: ReviewStatus;
    try {
      status = await this.#calls.ask(review.wish.user.username, review.body);
    } catch (error) {
      if (error instanceof TooManyReviewsError) throw error;
      this.#outage.failed(error as WebhookError);
      const opinion = this.#withoutAnswer(error as Error);
      if (opinion === 'none') this.#metrics.failedOpen((error as WebhookError).result);
      return opinion;
    }
    this.#outage.ended();
    if (review.isKept) this.#verdicts.set(review.key, status, this.#lifetimeOf(status));
    return opinionOf(status);
  }

  #lifetimeOf({ isAllowed }: ReviewStatus): number {
    const { authorizedTtl, unauthorizedTtl, cacheAuthorized, cacheUnauthorized } = this.#configuration;
    if (isAllowed) return cacheAuthorized ? authorizedTtl : 0;
    return cacheUnauthorized ? unauthorizedTtl : 0;
  }

  #withoutAnswer(error: Error): Opinion {
    const denies = this.#configuration.failurePolicy === 'Deny' || isDenial(error);
    return denies ? { reason: '', error } : 'none';
  }
}

function isDenial(error: Error): boolean {
  return error instanceof WebhookError && error.alwaysDenies;
}

const contradiction = new Error('webhook subject access review returned both allow and deny response');

function opinionOf({ isAllowed, isDenied, reason }: ReviewStatus): Opinion {
  if (isDenied) return { reason, error: isAllowed ? contradiction : undefined };
  return isAllowed ? 'allow' : 'none';
}
