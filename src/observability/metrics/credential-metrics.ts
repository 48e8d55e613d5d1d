import { Counter, Gauge, type Registry } from 'prom-client';
import type { ClusterLabel } from './cluster-label.js';
import { createReloadCounter } from './reload-counter.js';

/** The metrics of one cluster's credentials. */
export type CredentialMetrics = ReturnType<ReturnType<typeof createCredentialMetrics>['ofCluster']>;

/** Adds the metrics of credentials to a registry, and those of the configuration that they come from. */
export function createCredentialMetrics(registry: Registry, clusterLabel: ClusterLabel) {
  const registers = [registry];
  const refreshes = new Counter({
    name: 'kube_api_proxy_credential_refreshes_total',
    help: 'Attempts to get another credential from an exec plugin or an OpenID Connect issuer.',
    labelNames: [...clusterLabel.names, 'source', 'result'],
    registers,
  });
  const unauthorized = new Counter({
    name: 'kube_api_proxy_upstream_unauthorized_total',
    help: "Requests with the proxy's own credential that the API server answered with 401; proxy subresources do not count.",
    labelNames: clusterLabel.names,
    registers,
  });
  const expiration = new Gauge({
    name: 'kube_api_proxy_credential_expiration_timestamp_seconds',
    help: 'When the credential in use expires, in seconds since 1970; no sample if that is not known.',
    labelNames: [...clusterLabel.names, 'source'],
    registers,
  });
  const certificateExpiration = new Gauge({
    name: 'kube_api_proxy_client_certificate_expiration_timestamp_seconds',
    help: 'When the client certificate in use expires, in seconds since 1970; no sample without a client certificate.',
    labelNames: clusterLabel.names,
    registers,
  });
  const countReload = createReloadCounter(
    registry,
    'kube_api_proxy_config_reloads_total',
    'Reads of changed configuration files, by whether they could be used.',
  );
  const lastReload = new Gauge({
    name: 'kube_api_proxy_config_last_reload_successful',
    help: 'Whether the configuration files could be used when they were last read: 1 or 0.',
    registers,
  });
  lastReload.set(1);

  return {
    /** The metrics of one cluster. From this call on, its counters whose labels are known are at 0. */
    ofCluster(cluster: string) {
      const labels = clusterLabel.of(cluster);
      unauthorized.inc(labels, 0);
      certificateExpiration.remove(labels);
      return {
        /** A source got another credential, or failed to get one. */
        refreshed: (source: string, result: 'success' | 'failure') =>
          refreshes.inc({ ...labels, source, result }),
        /** The API server answered 401 to a request with the proxy's own credential. */
        unauthorized: () => unauthorized.inc(labels),
        /** Sets when the credential in use expires. Undefined means that this is not known, and removes the sample. */
        expires(source: string, at: Date | undefined) {
          if (at === undefined) expiration.remove({ ...labels, source });
          else expiration.set({ ...labels, source }, at.getTime() / 1000);
        },
        /** Sets when the client certificate in use expires. Undefined means that there is none, and removes the sample. */
        clientCertificateExpires(at: Date | undefined) {
          if (at === undefined) certificateExpiration.remove(labels);
          else certificateExpiration.set(labels, at.getTime() / 1000);
        },
      };
    },
    /** Changed files of the configuration were read, and could be used or not. */
    reloaded(isUsable: boolean) {
      countReload(isUsable);
      lastReload.set(isUsable ? 1 : 0);
    },
  };
}
