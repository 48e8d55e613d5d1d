import type { Clock } from '../../lib/clock.js';
import { Moment } from '../../lib/moment.js';
import type { WebhookConfiguration } from './configuration.js';
import type { WebhookError } from './webhook-error.js';

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
