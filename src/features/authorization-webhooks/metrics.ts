import { Counter, Histogram, type Registry } from 'prom-client';
import type { CallResult } from './webhook-error.js';

/** The metrics of the feature: the API server's, behind this program's prefix. */
export interface WebhookMetrics {
  /** The webhook of this name was called once. */
  called(name: string, result: CallResult, seconds: number): void;
  /** It had no opinion, because it has not answered. */
  failedOpen(name: string, result: CallResult): void;
  /** A match condition excluded it. */
  excluded(name: string): void;
  /** A match condition of it had no result. */
  conditionFailed(name: string): void;
  /** A verdict was asked for that may have been kept. */
  cacheAsked(name: string, isHit: boolean): void;
}

const prefix = 'kube_api_proxy_authorization_';
/** The API server's label for the kind of an authorizer. */
const type = 'Webhook';

export function createWebhookMetrics(registry: Registry): WebhookMetrics {
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
  const exclusions = new Counter({
    name: `${prefix}match_condition_exclusions_total`,
    help: 'Questions about which an authorization webhook was not asked because a match condition excludes them.',
    labelNames: ['type', 'name'],
    registers,
  });
  const conditionErrors = new Counter({
    name: `${prefix}match_condition_evaluation_errors_total`,
    help: 'Questions for which a match condition of an authorization webhook had no result.',
    labelNames: ['type', 'name'],
    registers,
  });
  const asked = new Counter({
    name: `${prefix}webhook_cache_requests_total`,
    help: 'Questions for an authorization webhook, by whether its verdict was kept from an earlier one (hit) or not (miss).',
    labelNames: ['name', 'result'],
    registers,
  });
  return {
    called(name, result, seconds) {
      evaluations.inc({ name, result });
      durations.observe({ name, result }, seconds);
    },
    failedOpen: (name, result) => failOpen.inc({ name, result }),
    excluded: name => exclusions.inc({ type, name }),
    conditionFailed: name => conditionErrors.inc({ type, name }),
    cacheAsked: (name, isHit) => asked.inc({ name, result: isHit ? 'hit' : 'miss' }),
  };
}
