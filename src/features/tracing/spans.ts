import type { Link, SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import * as libraries from './libraries.js';
import type { TracingMetrics } from './metrics.js';

const { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } = libraries;

/** The kinds of spans here. */
type Kind = 'server' | 'client' | 'internal';
const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;

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
  readonly attributes: Readonly<Record<string, string | number>>;
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
 * then they are dropped and counted. No variable of the SDK but those of the exporter counts: all settings are given here.
 */
export class Spans {
  readonly #ids = new GivenIds();
  readonly #provider: libraries.BasicTracerProvider;
  readonly #tracer: ReturnType<libraries.BasicTracerProvider['getTracer']>;

  constructor({ url, version, metrics }: { url: string; version: string; metrics: TracingMetrics }) {
    const processor = new CountedProcessor(new libraries.OTLPTraceExporter({ url }), metrics);
    this.#provider = new libraries.BasicTracerProvider({
      resource: libraries.resourceFromAttributes({
        'service.name': 'kube-api-proxy',
        'service.version': version,
      }),
      sampler: new libraries.AlwaysOnSampler(),
      spanLimits: {
        attributeCountLimit: 32,
        attributeValueLengthLimit: 1024,
        eventCountLimit: 0,
        linkCountLimit: 64,
      },
      idGenerator: this.#ids,
      spanProcessors: [processor],
    });
    this.#tracer = this.#provider.getTracer('kube-api-proxy', version);
  }

  newTraceId(): string {
    return this.#ids.random.generateTraceId();
  }

  newSpanId(): string {
    return this.#ids.random.generateSpanId();
  }

  add({ traceId, spanId, parentId, name, kind, from, to, attributes, links, hasFailed }: EndedSpan): void {
    this.#ids.next = { traceId, spanId };
    const parent = parentId === undefined ? undefined : contextOf({ traceId, spanId: parentId });
    const span = this.#tracer.startSpan(
      name,
      { kind: kinds[kind], startTime: from, attributes: { ...attributes }, links: links.map(linkTo) },
      parent === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent),
    );
    if (hasFailed) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(to);
  }

  /** Sends what waits, for at most two seconds. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, flushTimeout);
    });
    await Promise.race([this.#provider.shutdown().catch(() => {}), late]);
    clearTimeout(timer);
  }
}

function contextOf(place: SpanPlace): SpanContext {
  return { ...place, traceFlags: 1 };
}

function linkTo(place: SpanPlace): Link {
  return { context: contextOf(place) };
}

/** Gives the next span the IDs that it has already: they were sent on when it began. */
class GivenIds {
  readonly random = new libraries.RandomIdGenerator();
  next: SpanPlace | undefined;

  generateTraceId = (): string => this.next?.traceId ?? this.random.generateTraceId();
  generateSpanId = (): string => this.next?.spanId ?? this.random.generateSpanId();
}

/** Batches spans, and counts what becomes of them. The packages' own batches do not tell it. */
class CountedProcessor implements SpanProcessor {
  readonly #metrics: TracingMetrics;
  readonly #batches: libraries.BatchSpanProcessor;
  #waiting = 0;

  constructor(exporter: SpanExporter, metrics: TracingMetrics) {
    this.#metrics = metrics;
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

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#waiting >= mostWaiting) {
      this.#metrics.spans('dropped', 1);
      return;
    }
    this.#waiting += 1;
    this.#batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batches.shutdown();
  }
}
