import { openMetricsType, textType, toOpenMetrics } from './openmetrics.js';

/** The answer to a scrape. */
export interface Rendered {
  readonly contentType: string;
  readonly text: string;
}

/** Prometheus' text format 0.0.4, or the same in OpenMetrics 1.0 if the Accept header asks for that. */
export function inFormat(text: string, accept: string): Rendered {
  return accept.includes('application/openmetrics-text')
    ? { contentType: openMetricsType, text: toOpenMetrics(text) }
    : { contentType: textType, text };
}
