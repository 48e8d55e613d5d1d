import type { Feature } from '../../feature.js';
import { defineOptions, type OptionValues } from '../../lib/option.js';
import { bool, count, text } from '../../lib/value-type.js';
import { endpointOf } from './endpoint.js';
import { createTracingMetrics, type TracingMetrics } from './metrics.js';

const options = defineOptions('Logging', {
  tracingEndpoint: {
    type: text('URL'),
    default: '',
    help: 'Collector that gets traces of requests (OTLP over HTTP, for example http://collector:4318); by default that of OTEL_EXPORTER_OTLP_ENDPOINT, or none.',
  },
  tracingSamplingRatePerMillion: {
    type: count,
    default: '0',
    help: 'How many of a million requests are traced; on a local listener without authentication, those of a client with a trace of its own as that says.',
  },
  tracingUser: { type: bool, default: 'false', help: "Write the caller's name into traces." },
});

/** Each request's way, and what it waited for, as spans for an OpenTelemetry collector. */
export const tracing = {
  name: 'tracing',
  options,
  metrics: createTracingMetrics,

  async create(values, { env, isLocal, version }, metrics) {
    const endpoint = endpointOf(values.tracingEndpoint, env);
    if ('problems' in endpoint) return endpoint;
    const { url } = endpoint;
    if (url === undefined) return undefined;
    const [{ Spans }, { RequestSpans }, { aboutOf }] = await Promise.all([
      import('./spans.js'),
      import('./request-spans.js'),
      import('./about.js'),
    ]);
    const spans = new Spans({ url, version, metrics });
    const parts = {
      ...{ spans, isLocal, owners: new WeakMap() },
      rate: values.tracingSamplingRatePerMillion,
      namesUsers: values.tracingUser,
    };
    return {
      recorder: {
        begin(request, info) {
          const about = () => aboutOf(request.raw.method ?? '', info);
          return new RequestSpans(parts, about, request);
        },
      },
      close: () => spans.close(),
    };
  },
} as const satisfies Feature<OptionValues<typeof options>, TracingMetrics>;
