import { Counter, Histogram, type Registry } from 'prom-client';
import { BatchedCounter } from '../../observability/metrics/hot-metrics.js';
import type { CallResult } from './webhook-error.js';

/** The metrics of one webhook. */
export interface WebhookMetrics {
  /** It was called once. */
  called(result: CallResult, seconds: number): void;
  /** It had no opinion, because it has not answered. */
  failedOpen(result: CallResult): void;
  /** A match condition has excluded it. */
  excluded(): void;
  /** A match condition has had no result. */
  conditionFailed(): void;
  /** Its verdict was kept. */
  hit(): void;
  /** Its verdict was not kept. */
  missed(): void;
}

/** The metrics of the feature: the API server's, behind this program's prefix. */
export interface WebhooksMetrics {
  /** Those of the webhook of this name, in all versions of the file. */
  of(name: string): WebhookMetrics;
}

const prefix = 'kube_api_proxy_authorization_';
/** The API server's label for the kind of an authorizer. */
const type = 'Webhook';

export function createWebhookMetrics(registry: Registry): WebhooksMetrics {
  const registers = [registry];
  const evaluations = new Counter({
    name: `${prefix}webhook_evaluations_total`,
    help: 'Calls of authorization webhooks, each attempt by itself, by webhook and result (success, timeout, error).',
    labelNames: ['name', 'result'],
    registers,
  });
  const durations = new Histogram({
    name: `${prefix}webhook_duration_seconds`,
    help: 'Duration of these calls.',
    labelNames: ['name', 'result'],
    registers,
  });
  const failOpen = new Counter({
    name: `${prefix}webhook_evaluations_fail_open_total`,
    help: 'Questions that went on because an authorization webhook with failurePolicy NoOpinion has not answered them.',
    labelNames: ['name', 'result'],
    registers,
  });
  const exclusions = new BatchedCounter({
    name: `${prefix}match_condition_exclusions_total`,
    help: 'Questions about which an authorization webhook was not asked because a match condition excludes them.',
    labelNames: ['type', 'name'],
    registry,
  });
  const conditionErrors = new Counter({
    name: `${prefix}match_condition_evaluation_errors_total`,
    help: 'Questions for which a match condition of an authorization webhook had no result.',
    labelNames: ['type', 'name'],
    registers,
  });
  const asked = new BatchedCounter({
    name: `${prefix}webhook_cache_requests_total`,
    help: 'Questions for an authorization webhook, by whether its verdict was kept from an earlier one (hit) or not (miss).',
    labelNames: ['name', 'result'],
    registry,
  });
  const create = (name: string): WebhookMetrics => {
    const excluded = exclusions.labels({ type, name });
    const [hits, misses] = [asked.labels({ name, result: 'hit' }), asked.labels({ name, result: 'miss' })];
    return {
      called(result, seconds) {
        evaluations.inc({ name, result });
        durations.observe({ name, result }, seconds);
      },
      failedOpen: result => failOpen.inc({ name, result }),
      excluded: () => excluded.add(1),
      conditionFailed: () => conditionErrors.inc({ type, name }),
      hit: () => hits.add(1),
      missed: () => misses.add(1),
    };
  };
  const all = new Map<string, WebhookMetrics>();
  return {
    of(name) {
      const found = all.get(name) ?? create(name);
      all.set(name, found);
      return found;
    },
  };
}
