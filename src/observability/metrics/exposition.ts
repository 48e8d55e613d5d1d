import { openMetricsType, textType, toOpenMetrics } from './openmetrics.js';

/** The answer to a scrape. */
export interface Rendered {
  readonly contentType: string;
  readonly text: string;
}

/** A source of metrics for scrapes. */
export interface Exposition {
  /** All metrics, in the format that an Accept header asks for: OpenMetrics 1.0, or else Prometheus' text format 0.0.4. */
  render(accept: string): Promise<Rendered>;
}

/** Prometheus' text format 0.0.4, or the same in OpenMetrics 1.0 if the Accept header asks for that. */
export function inFormat(text: string, accept: string): Rendered {
  return accept.includes('application/openmetrics-text')
    ? { contentType: openMetricsType, text: toOpenMetrics(text) }
    : { contentType: textType, text };
}
