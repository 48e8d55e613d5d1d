// What is loaded only where requests are traced.
export { SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
export { ExportResultCode, hrTimeDuration, millisToHrTime } from '@opentelemetry/core';
export { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
export { resourceFromAttributes } from '@opentelemetry/resources';
export { BatchSpanProcessor, RandomIdGenerator } from '@opentelemetry/sdk-trace-base';
