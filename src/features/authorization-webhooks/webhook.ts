import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import { timed } from '../../lib/phases.js';
import { TooManyReviewsError } from '../../reviews/authorizer.js';
import type { ReviewStatus } from './answer.js';
import type { WebhookConfiguration } from './configuration.js';
import type { WebhookMetrics, WebhooksMetrics } from './metrics.js';
import type { AskedReview } from './review.js';
import { WebhookCalls } from './webhook-calls.js';
import { WebhookError } from './webhook-error.js';

interface Kept {
  readonly status: ReviewStatus;
  readonly since: Moment;
  /** Milliseconds. */
  readonly lifetime: number;
  readonly bytes: number;
}

/** The most bytes that the verdicts of a webhook take, about. */
const mostBytes = 16 * 1024 * 1024;
/** What an entry takes besides its texts, about. */
const overhead = 300;

/** The verdicts of a webhook. Those that were used longest ago make room for new ones. */
export class VerdictCache {
  readonly #clock: Clock;
  /** Those that were used longest ago come first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined if there is none that is still valid. */
  get(key: string): ReviewStatus | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (kept.since.age >= kept.lifetime) {
      this.#delete(key, kept);
      return undefined;
    }
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    return kept.status;
  }

  /** @param lifetime Milliseconds. */
  set(key: string, status: ReviewStatus, lifetime: number): void {
    if (lifetime <= 0) return;
    const before = this.#kept.get(key);
    if (before !== undefined) this.#delete(key, before);
    // Two bytes for each of JavaScript's characters.
    const bytes = overhead + 2 * (key.length + status.reason.length);
    this.#kept.set(key, { status, since: new Moment(this.#clock), lifetime, bytes });
    this.#bytes += bytes;
    for (const [oldest, kept] of this.#kept) {
      if (this.#bytes <= mostBytes) return;
      this.#delete(oldest, kept);
    }
  }

  #delete(key: string, { bytes }: Kept): void {
    this.#kept.delete(key);
    this.#bytes -= bytes;
  }
}

/** Where the beginning of an outage is told. */
export interface OutageLog {
  warn(fields: object, message: string): void;
}

type Failing = Pick<WebhookConfiguration, 'name' | 'failurePolicy'>;

/** Milliseconds between two lines of the log about a webhook whose answers and failures alternate. */
const shortestPause = 60_000;

/** Whether a webhook has failed at the last question that it got, for readyz and the log. */
export class Outage {
  readonly #webhook: Failing;
  readonly #clock: Clock;
  readonly #log: OutageLog;
  #since: Moment | undefined;
  /** What follows for requests, by the last failure. */
  #consequence = '';
  #told: Moment | undefined;

  constructor(webhook: Failing, clock: Clock, log: OutageLog) {
    this.#webhook = webhook;
    this.#clock = clock;
    this.#log = log;
  }

  /** It has answered. */
  ended(): void {
    this.#since = undefined;
  }

  /** It has not said what it thinks. The log has the reason, at most once a minute. */
  failed(error: WebhookError): void {
    const { name: webhook, failurePolicy } = this.#webhook;
    this.#consequence = consequenceOf(failurePolicy, error);
    if (this.#since !== undefined) return;
    this.#since = new Moment(this.#clock);
    if (this.#told !== undefined && this.#told.age < shortestPause) return;
    this.#told = this.#since;
    this.#log.warn(
      { webhook, failurePolicy, reason: error.message },
      `an authorization webhook fails, ${this.#consequence}`,
    );
  }

  /** One line, without the reason, which is not for strangers; undefined while there is no outage. */
  get warning(): string | undefined {
    if (this.#since === undefined) return undefined;
    const since = new Date(this.#since.time).toISOString();
    return `the authorization webhook ${this.#webhook.name} fails since ${since}, ${this.#consequence}`;
  }
}

function consequenceOf(failurePolicy: WebhookConfiguration['failurePolicy'], error: WebhookError): string {
  if (failurePolicy === 'Deny') return 'and what it is asked about is denied (failurePolicy Deny)';
  return error.alwaysDenies
    ? 'and what it is asked about is denied, although failurePolicy is NoOpinion: its answers are not clear'
    : 'and what it is asked about goes on without it (failurePolicy NoOpinion)';
}

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
