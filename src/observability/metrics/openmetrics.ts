/** Content types of the two formats. */
export const textType = 'text/plain; version=0.0.4; charset=utf-8';
export const openMetricsType = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/**
 * Turns Prometheus' text format 0.0.4 into OpenMetrics 1.0: a counter's family has no `_total`, there are no empty lines, and the last line
 * marks the end. prom-client can write OpenMetrics too, but its registry cannot go back to the other format.
 */
export function toOpenMetrics(text: string): string {
  const counters = new Set([...text.matchAll(/^# TYPE (\S+)_total counter$/gm)].map(match => match[1]));
  const lines = text.split('\n').filter(line => line !== '');
  const converted = lines.map(line =>
    line.replace(/^# (HELP|TYPE) (\S+)_total /, (head, keyword, name) =>
      counters.has(name) ? `# ${keyword} ${name} ` : head,
    ),
  );
  return `${converted.join('\n')}\n# EOF\n`;
}
