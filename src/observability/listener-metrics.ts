import { Counter, Gauge, type Registry } from 'prom-client';

/** What is counted and measured of the TLS listener. */
export interface ListenerMetrics {
  /** When the certificate that clients are shown expires. */
  certificateExpires(at: Date): void;
  /** Changed files were read, and could be used or not. */
  reloaded(isUsable: boolean): void;
}

/** Adds the metrics to a registry. */
export function createListenerMetrics(registry: Registry): ListenerMetrics {
  const registers = [registry];
  const expiration = new Gauge({
    name: 'kube_api_proxy_serving_certificate_expiration_timestamp_seconds',
    help: 'When the certificate of --tls-cert-file expires, in seconds since 1970; no sample without TLS.',
    registers,
  });
  const reloads = new Counter({
    name: 'kube_api_proxy_tls_reloads_total',
    help: 'Times that changed files of the TLS listener were read, by whether they could be used.',
    labelNames: ['result'],
    registers,
  });
  expiration.remove();
  for (const result of ['success', 'failure']) reloads.inc({ result }, 0);
  return {
    certificateExpires: at => expiration.set(at.getTime() / 1000),
    reloaded: isUsable => reloads.inc({ result: isUsable ? 'success' : 'failure' }),
  };
}
