import { Registry } from 'prom-client';
import type {
  MatchCondition,
  WebhookAnswer,
  WebhookConfiguration,
} from '../../../src/features/authorization-webhooks/configuration.js';
import { createWebhookMetrics } from '../../../src/features/authorization-webhooks/metrics.js';
import type { SubjectAccessReviewSpec } from '../../../src/features/authorization-webhooks/review.js';
import { Webhook } from '../../../src/features/authorization-webhooks/webhook.js';
import type { Wish } from '../../../src/reviews/authorizer.js';
import { ManualClock } from '../../support/manual-clock.js';

type Answer = WebhookAnswer | Error;

/** A webhook whose server answers what a test says, with a clock that the test moves. */
export class FakeWebhook {
  readonly clock: ManualClock;
  readonly webhook: Webhook;
  readonly #registry = new Registry();
  /** The warnings of its log. */
  readonly log: (readonly [fields: object, message: string])[] = [];
  /** The specs that the server got, and the timeouts. */
  readonly asked: SubjectAccessReviewSpec[] = [];
  readonly timeouts: number[] = [];
  /** What the server does with one more question. */
  answer: (spec: SubjectAccessReviewSpec) => Answer | Promise<Answer> = () => says({ allowed: true });

  constructor(configuration: Partial<WebhookConfiguration> = {}, clock = new ManualClock(1_000_000)) {
    this.clock = clock;
    const server = {
      url: 'https://w',
      post: async (body: string, { timeout }: { timeout: number }) => {
        const { spec } = JSON.parse(body) as { spec: SubjectAccessReviewSpec };
        this.asked.push(spec);
        this.timeouts.push(timeout);
        const answer = await this.answer(spec);
        if (answer instanceof Error) throw answer;
        return answer;
      },
    };
    const all: WebhookConfiguration = {
      ...{ name: 'policy', authorizedTtl: 300_000, unauthorizedTtl: 30_000 },
      ...{ cacheAuthorized: true, cacheUnauthorized: true, timeout: 10_000, failurePolicy: 'Deny' },
      ...{ server, matchConditions: [], ...configuration },
    };
    const metrics = createWebhookMetrics(this.#registry);
    const log = { warn: (fields: object, message: string) => this.log.push([fields, message]) };
    this.webhook = new Webhook(all, { metrics, clock, log });
  }

  /** The values of a metric that are not 0, each with its labels. The metric is without its prefix. */
  async metric(name: string): Promise<readonly string[]> {
    const metric = this.#registry.getSingleMetric(`kube_api_proxy_authorization_${name}`);
    const { values = [] } = (await metric?.get()) ?? {};
    return values
      .filter(({ value }) => value > 0)
      .map(({ labels, value }) => `${Object.values(labels).join(' ')} ${value}`);
  }

  /** Lets time pass, with all that waits for it. */
  async pass(milliseconds: number): Promise<void> {
    await turns();
    this.clock.advance(milliseconds);
    await turns();
  }
}

/** Lets everything run that does not wait for time. */
export function turns(): Promise<void> {
  return new Promise(resolve => setImmediate(() => setImmediate(resolve)));
}

/** An answer with this status of a review. */
export function says(status: object): WebhookAnswer {
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', status };
  return { status: 200, contentType: 'application/json', text: JSON.stringify(review) };
}

/** An error of a connection. */
export function failure(code: string): Error {
  return Object.assign(new Error(`it fails: ${code}`), { code });
}

/** Jane, who wants to do something with pods. */
export function wish(attributes: object = {}, username = 'jane'): Wish {
  return {
    user: { username, uid: undefined, groups: ['system:authenticated'], extra: new Map() },
    attributes: {
      resourceAttributes: { verb: 'list', group: '', version: 'v1', resource: 'pods', ...attributes },
    },
    cluster: 'dev',
  };
}

/** A condition that is what a test says, or has no result. */
export function condition(result: boolean | Error): MatchCondition {
  return {
    expression: `${result}`,
    matches() {
      if (result instanceof Error) throw result;
      return result;
    },
  };
}
