import type { Registry } from 'prom-client';
import { flagsOf, type OptionFacts } from '../../authentication/method.js';
import type { Feature } from '../../feature.js';
import type { Guard } from '../../guard/guard.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { text } from '../../lib/value-type.js';
import { createReloadCounter } from '../../observability/metrics/reload-counter.js';
import { createCheck, rule } from './guard.js';
import { createWebhookMetrics, type WebhooksMetrics } from './metrics.js';

const options = defineOptions('Authentication', {
  authorizationConfig: {
    type: text('FILE'),
    default: '',
    help: "The API server's file of authorization webhooks (AuthorizationConfiguration), which are asked about each request of a caller before the API server, and can only deny.",
  },
});

type Values = OptionValues<typeof options>;

interface Metrics {
  readonly webhooks: WebhooksMetrics;
  readonly reloaded: ReturnType<typeof createReloadCounter>;
}

const guard = {
  ...rule,
  options: {},
  create({ authorizationConfig }: Values, parts) {
    return authorizationConfig === '' || parts.authentication === undefined ? undefined : createCheck(parts);
  },
} as const satisfies Guard<Values, Metrics>;

/** Asks webhooks before the API server what users may do, as an API server does with the same file, and follows its changes. */
export const authorizationWebhooks = {
  name: 'authorization-webhooks',
  options,
  guards: [guard],

  problems({ authorizationConfig }, _given, { methods, methodsOn }: OptionFacts) {
    if (authorizationConfig === '' || methodsOn.length > 0) return [];
    return [
      `--authorization-config needs a method of authentication (${flagsOf(methods)}): it is about what each caller may do`,
    ];
  },

  metrics: (registry: Registry) => ({
    webhooks: createWebhookMetrics(registry),
    reloaded: createReloadCounter(
      registry,
      'kube_api_proxy_authorization_config_reloads_total',
      'Reads of the changed file of --authorization-config, or of the changed files of a kubeconfig that it names, by whether they could be used.',
    ),
  }),

  async create(
    { authorizationConfig: file },
    { clock, env, logger, rereadInterval },
    { webhooks, reloaded },
  ) {
    if (file === '') return undefined;
    const [{ followWebhooks }, { Webhook }, { Webhooks }] = await Promise.all([
      import('./followed-webhooks.js'),
      import('./webhook.js'),
      import('./webhooks.js'),
    ]);
    const authorizer = new Webhooks();
    const parts = { metrics: webhooks, clock, log: logger };
    const followed = await followWebhooks({
      ...{ file, env, logger, reloaded, interval: rereadInterval },
      // Each version of the file begins without what was kept before.
      use: entries => authorizer.use(entries.map(entry => new Webhook(entry, parts))),
    });
    if ('problems' in followed) return followed;
    const warnings = () => [...followed.warnings(), ...authorizer.warnings()];
    return { authorizer, warnings, close: followed.close };
  },
} as const satisfies Feature<Values, Metrics>;
