import { Counter, Gauge, type Registry } from 'prom-client';

const abuseReasons = ['resets', 'controls'] as const;
/** Of which there were too many on an HTTP/2 connection: streams that were reset, or PING and SETTINGS frames. */
export type AbuseReason = (typeof abuseReasons)[number];

/** The metrics of the TLS listener. */
export interface ListenerMetrics {
  /** When the listener's certificate expires. */
  certificateExpires(at: Date): void;
  /** Changed files were read; whether they can be used. */
  reloaded(isUsable: boolean): void;
  /** An HTTP/2 connection was ended because of what its client did. */
  http2Abused(reason: AbuseReason): void;
}

/** Adds the metrics to a registry. */
export function createListenerMetrics(registry: Registry): ListenerMetrics {
  const registers = [registry];
  const expiration = new Gauge({
    name: 'kube_api_proxy_serving_certificate_expiration_timestamp_seconds',
    help: 'When the certificate of --tls-cert-file expires, in seconds since 1970; no sample without TLS.',
    aggregator: 'min',
    registers,
  });
  const reloads = new Counter({
    name: 'kube_api_proxy_tls_reloads_total',
    help: 'Times that changed files of the TLS listener were read, by whether they could be used.',
    labelNames: ['result'],
    // Each process reads them; the metric counts that once.
    aggregator: 'first',
    registers,
  });
  const abuses = new Counter({
    name: 'kube_api_proxy_http2_abuses_total',
    help: 'HTTP/2 connections that were ended because of what their clients did: resets or controls (PING, SETTINGS) past any use.',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of abuseReasons) abuses.inc({ reason }, 0);
  expiration.remove();
  for (const result of ['success', 'failure']) reloads.inc({ result }, 0);
  return {
    certificateExpires: at => expiration.set(at.getTime() / 1000),
    http2Abused: reason => abuses.inc({ reason }),
    reloaded: isUsable => reloads.inc({ result: isUsable ? 'success' : 'failure' }),
  };
}
