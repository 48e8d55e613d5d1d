import type { HrTime, Link, SpanContext, SpanStatus } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';
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
 * then they are dropped and counted. No variable of the SDK but those of the exporter counts: all settings are given here.
 */
export class Spans {
  readonly #ids = new libraries.RandomIdGenerator();
  readonly #processor: CountedProcessor;
  readonly #origin: Origin;

  constructor({ url, version, metrics }: { url: string; version: string; metrics: TracingMetrics }) {
    this.#processor = new CountedProcessor(new libraries.OTLPTraceExporter({ url }), metrics);
    const name = 'kube-api-proxy';
    this.#origin = {
      resource: libraries.resourceFromAttributes({ 'service.name': name, 'service.version': version }),
      instrumentationScope: { name, version },
    };
  }

  newTraceId(): string {
    return this.#ids.generateTraceId();
  }

  newSpanId(): string {
    return this.#ids.generateSpanId();
  }

  add(span: EndedSpan): void {
    this.#processor.add(new GivenSpan(span, this.#origin));
  }

  /** Sends what waits, for at most two seconds. */
  async close(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, flushTimeout);
    });
    await Promise.race([this.#processor.close().catch(() => {}), late]);
    clearTimeout(timer);
  }
}

/** Who writes spans. */
type Origin = Pick<ReadableSpan, 'resource' | 'instrumentationScope'>;

const [ok, failed] = [{ code: SpanStatusCode.UNSET }, { code: SpanStatusCode.ERROR }];

/**
 * A span in the exporter's form. The packages' own spans have no use here: they are for programs that write a span while it lasts, and took
 * half of the CPU time of a traced request.
 */
class GivenSpan implements ReadableSpan {
  readonly name: string;
  readonly kind: ReadableSpan['kind'];
  readonly parentSpanContext?: SpanContext;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly status: SpanStatus;
  readonly attributes: ReadableSpan['attributes'];
  readonly links: Link[];
  readonly events = [];
  readonly ended = true;
  readonly resource: ReadableSpan['resource'];
  readonly instrumentationScope: ReadableSpan['instrumentationScope'];
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  readonly #context: SpanContext;

  constructor(span: EndedSpan, { resource, instrumentationScope }: Origin) {
    const { traceId, spanId, parentId, name, kind, from, to, attributes, links, hasFailed } = span;
    this.#context = contextOf(traceId, spanId);
    if (parentId !== undefined) this.parentSpanContext = contextOf(traceId, parentId);
    this.name = name;
    this.kind = kinds[kind];
    this.startTime = libraries.millisToHrTime(from);
    this.endTime = libraries.millisToHrTime(to);
    this.status = hasFailed ? failed : ok;
    this.attributes = attributes;
    this.links = links.map(place => ({ context: contextOf(place.traceId, place.spanId) }));
    this.resource = resource;
    this.instrumentationScope = instrumentationScope;
  }

  get duration(): HrTime {
    return libraries.hrTimeDuration(this.startTime, this.endTime);
  }

  spanContext(): SpanContext {
    return this.#context;
  }
}

function contextOf(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: libraries.TraceFlags.SAMPLED };
}

/** Batches spans, and counts what becomes of them. The packages' own batches do not tell it. */
class CountedProcessor {
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

  add(span: ReadableSpan): void {
    if (this.#waiting >= mostWaiting) {
      this.#metrics.spans('dropped', 1);
      return;
    }
    this.#waiting += 1;
    this.#batches.onEnd(span);
  }

  close(): Promise<void> {
    return this.#batches.shutdown();
  }
}
