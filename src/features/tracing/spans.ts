import type { SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
import { within } from '../../lib/promises.js';
import * as libraries from './libraries.js';
import type { TracingMetrics } from './metrics.js';

const { SpanKind, SpanStatusCode } = libraries;

/** The kinds of spans here. */
type Kind = 'server' | 'client' | 'internal';
const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

/** What a span says. */
export type Attributes = Record<string, string | number>;

/** Where a span is. */
export interface SpanPlace {
  readonly traceId: string;
  readonly spanId: string;
}

/** A span that has ended. */
export interface EndedSpan extends SpanPlace {
  readonly name: string;
  readonly kind: Kind;
  /** ID of the span that it is a part of, in the same trace; undefined for the root. */
  readonly parentId: string | undefined;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** Bounded: nothing shortens them. */
  readonly attributes: Readonly<Attributes>;
  readonly links: readonly SpanPlace[];
  readonly hasFailed: boolean;
}

/** Spans wait here for the collector. More are dropped. */
const mostWaiting = 2048;
const batch = 512;
/** Milliseconds. */
const delay = 5_000;
const exportTimeout = 10_000;
const flushTimeout = 2_000;

/**
 * Sends spans to a collector, by OpenTelemetry's own packages. It never waits for the collector: while that is down or slow, spans wait, and
 * then they are dropped and counted, which the packages' own batches do not tell. No variable of the SDK but those of the exporter counts:
 * all settings are given here.
 */
export class Spans {
  readonly #ids = new libraries.RandomIdGenerator();
  readonly #batches: libraries.BatchSpanProcessor;
  readonly #metrics: TracingMetrics;
  readonly #origin: Origin;
  #waiting = 0;

  constructor({ url, version, metrics }: { url: string; version: string; metrics: TracingMetrics }) {
    const name = 'kube-api-proxy';
    this.#metrics = metrics;
    this.#origin = {
      resource: libraries.resourceFromAttributes({ 'service.name': name, 'service.version': version }),
      instrumentationScope: { name, version },
    };
    const exporter = new libraries.OTLPTraceExporter({ url });
    const counted: SpanExporter = {
      export: (spans, callback) =>
        exporter.export(spans, result => {
          this.#waiting -= spans.length;
          const isExported = result.code === libraries.ExportResultCode.SUCCESS;
          metrics.spans(isExported ? 'exported' : 'failed', spans.length);
          callback(result);
        }),
      shutdown: () => exporter.shutdown(),
    };
    this.#batches = new libraries.BatchSpanProcessor(counted, {
      maxQueueSize: mostWaiting,
      maxExportBatchSize: batch,
      scheduledDelayMillis: delay,
      exportTimeoutMillis: exportTimeout,
    });
  }

  newTraceId(): string {
    return this.#ids.generateTraceId();
  }

  newSpanId(): string {
    return this.#ids.generateSpanId();
  }

  add(span: EndedSpan): void {
    if (this.#waiting >= mostWaiting) {
      this.#metrics.spans('dropped', 1);
      return;
    }
    this.#waiting += 1;
    this.#batches.onEnd(readableSpan(span, this.#origin));
  }

  /** Sends what waits, for at most two seconds. */
  async close(): Promise<void> {
    await within(flushTimeout, this.#batches.shutdown(), () => undefined).catch(() => {});
  }
}

/** Who writes spans. */
type Origin = Pick<ReadableSpan, 'resource' | 'instrumentationScope'>;

/**
 * A span in the exporter's form. The packages' own spans have no use here: they are for programs that write a span while it lasts, and took
 * half of the CPU time of a traced request.
 */
function readableSpan(
  { traceId, spanId, parentId, name, kind, from, to, attributes, links, hasFailed }: EndedSpan,
  origin: Origin,
): ReadableSpan {
  const [startTime, endTime] = [libraries.millisToHrTime(from), libraries.millisToHrTime(to)];
  const context = contextOf(traceId, spanId);
  return {
    ...{ name, startTime, endTime, attributes },
    kind: kinds[kind],
    ...(parentId !== undefined && { parentSpanContext: contextOf(traceId, parentId) }),
    status: { code: hasFailed ? SpanStatusCode.ERROR : SpanStatusCode.UNSET },
    links: links.map(place => ({ context: contextOf(place.traceId, place.spanId) })),
    events: [],
    ended: true,
    duration: libraries.hrTimeDuration(startTime, endTime),
    ...origin,
    ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
    spanContext: () => context,
  };
}

function contextOf(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: libraries.TraceFlags.SAMPLED };
}
