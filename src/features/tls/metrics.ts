import { Counter, Gauge, type Registry } from 'prom-client';
import { createReloadCounter } from '../../observability/metrics/reload-counter.js';

const abuseReasons = ['resets', 'controls'] as const;
/** What a client sent too often on an HTTP/2 connection: resets of streams, or control frames (PING and SETTINGS). */
export type AbuseReason = (typeof abuseReasons)[number];

/** The metrics of the TLS listener. */
export type ListenerMetrics = ReturnType<typeof createListenerMetrics>;

/** Adds the metrics to a registry. */
export function createListenerMetrics(registry: Registry) {
  const registers = [registry];
  const expiration = new Gauge({
    name: 'kube_api_proxy_serving_certificate_expiration_timestamp_seconds',
    help: 'When the certificate of --tls-cert-file expires, in seconds since 1970; no sample without TLS.',
    registers,
  });
  const reloaded = createReloadCounter(
    registry,
    'kube_api_proxy_tls_reloads_total',
    'Reads of changed files of the TLS listener, by whether they could be used.',
  );
  const abuses = new Counter({
    name: 'kube_api_proxy_http2_abuses_total',
    help: 'HTTP/2 connections that the proxy ended because their clients sent too many resets or controls (PING, SETTINGS).',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of abuseReasons) abuses.inc({ reason }, 0);
  expiration.remove();
  return {
    /** Sets when the listener's certificate expires. */
    certificateExpires: (at: Date) => expiration.set(at.getTime() / 1000),
    /** The proxy ended an HTTP/2 connection because its client sent too many of these. */
    http2Abused: (reason: AbuseReason) => abuses.inc({ reason }),
    /** Changed files were read, and could be used or not. */
    reloaded,
  };
}
