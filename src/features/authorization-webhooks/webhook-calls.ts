import { quoted } from '../../kubernetes/quoted.js';
import { type Backoff, pauseAfter } from '../../lib/backoff.js';
import type { Clock } from '../../lib/clock.js';
import { FairSlots } from '../../lib/fair-slots.js';
import { Moment } from '../../lib/moment.js';
import { TooManyReviewsError } from '../../reviews/authorizer.js';
import { type ReviewStatus, readStatus } from './answer.js';
import { unreadableAnswer, type WebhookConfiguration } from './configuration.js';
import type { WebhookMetrics } from './metrics.js';
import { errorOf, WebhookError } from './webhook-error.js';

/** A webhook and how it is called. */
interface CallsParts {
  /** Its timeout is for a question, with all that it waits and all its calls. */
  readonly webhook: Pick<WebhookConfiguration, 'name' | 'server' | 'timeout'>;
  readonly clock: Clock;
  readonly metrics: Pick<WebhookMetrics, 'called'>;
}

/** How many questions a webhook gets at a time. */
const mostAtATime = 200;
/** How many questions of one user wait for a webhook. */
const mostWaiting = 512;
/** As the API server's webhooks: how often a question is asked, and how long it waits in between, in milliseconds. */
const attempts = 5;
const backoff: Backoff = { first: 500, factor: 1.5, most: Infinity, jitter: 0.2 };

/** The calls of one webhook: several users share them fairly, and a call that may succeed later is made again. */
export class WebhookCalls {
  readonly #parts: CallsParts;
  readonly #slots = new FairSlots<string>(mostAtATime);
  readonly #waiting = new Map<string, number>();
  #answers = 0;

  constructor(parts: CallsParts) {
    this.#parts = parts;
  }

  /**
   * Rejects with a WebhookError if the webhook does not say what it thinks in time; with a TooManyReviewsError if it would, but has too many
   * questions of the user: a user must not silence it by asking.
   */
  async ask(user: string, body: string): Promise<ReviewStatus> {
    if ((this.#waiting.get(user) ?? 0) >= mostWaiting) throw this.#tooMany();
    const since = new Moment(this.#parts.clock);
    const before = this.#answers;
    const turn = this.#slots.take(user);
    const mustWait = turn !== undefined;
    try {
      if (turn !== undefined) await this.#wait(turn, user, since);
      return await this.#try(body, since).finally(() => this.#slots.giveBack(user));
    } catch (error) {
      const isLate = error instanceof WebhookError && error.result === 'timeout';
      if (mustWait && isLate && this.#answers !== before) throw this.#tooMany();
      throw error;
    }
  }

  /** Resolves when the turn of a question comes. */
  async #wait(turn: Promise<void>, user: string, since: Moment): Promise<void> {
    this.#waiting.set(user, (this.#waiting.get(user) ?? 0) + 1);
    const isInTime = await this.#comesInTime(turn, since);
    const left = (this.#waiting.get(user) ?? 0) - 1;
    if (left > 0) this.#waiting.set(user, left);
    else this.#waiting.delete(user);
    if (isInTime) return;
    turn.then(() => this.#slots.giveBack(user));
    throw this.#late();
  }

  #comesInTime(turn: Promise<void>, since: Moment): Promise<boolean> {
    return new Promise(resolve => {
      const cancel = since.schedule(this.#parts.webhook.timeout, () => resolve(false));
      turn.then(() => {
        cancel();
        resolve(true);
      });
    });
  }

  async #try(body: string, since: Moment): Promise<ReviewStatus> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#call(body, since);
      } catch (error) {
        const { mayRecover, retryAfter } = error as WebhookError;
        const wait = Math.max(pauseAfter(attempt, backoff), retryAfter);
        if (!mayRecover || attempt === attempts || since.age + wait >= this.#parts.webhook.timeout)
          throw error;
        await new Promise<void>(resolve => this.#parts.clock.schedule(wait, resolve));
      }
    }
  }

  async #call(body: string, since: Moment): Promise<ReviewStatus> {
    const { webhook, clock, metrics } = this.#parts;
    const { server, timeout } = webhook;
    const began = new Moment(clock);
    try {
      const answer = await server.post(body, { timeout: Math.max(timeout - since.age, 1) });
      this.#answers += 1;
      if (answer.status < 200 || answer.status > 206) throw errorOf(answer);
      const status = readStatus(answer);
      metrics.called('success', began.age / 1_000);
      return status;
    } catch (thrown) {
      const error = toWebhookError(thrown as Error, server.url);
      metrics.called(error.result, began.age / 1_000);
      throw error;
    }
  }

  #late(): WebhookError {
    const message = `the webhook ${this.#parts.webhook.name} has not taken the question in time`;
    return new WebhookError(message, { result: 'timeout' });
  }

  #tooMany(): TooManyReviewsError {
    return new TooManyReviewsError(`the authorization webhook ${this.#parts.webhook.name}`);
  }
}

/** The errors of a connection after which client-go's webhooks ask again. */
const recovering: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE']);

/** The error of a connection, in the words of net/http as far as they are known. */
function toWebhookError(error: Error & { code?: unknown }, url: string): WebhookError {
  if (error instanceof WebhookError) return error;
  const isLate = error.code === 'ETIMEDOUT';
  return new WebhookError(
    `Post ${quoted(url)}: ${isLate ? 'context deadline exceeded' : error.message}`,
    {
      result: isLate ? 'timeout' : 'error',
      alwaysDenies: error.code === unreadableAnswer,
      mayRecover: recovering.has(error.code),
    },
    { cause: error },
  );
}
