import { Cluster } from '../clusters/cluster.js';
import type { ConfigurationOptions } from '../clusters/configuration.js';
import type { Endpoint } from '../clusters/endpoint.js';
import { type FollowOptions, followConfiguration } from '../clusters/follow.js';
import { type AddedCluster, ClusterRegistry } from '../clusters/registry.js';
import type { Component } from '../feature.js';
import { FollowedKubeconfig } from '../kubeconfig/followed-kubeconfig.js';
import { isSet } from '../kubeconfig/overrides.js';
import { urlOf } from '../kubeconfig/server-address.js';
import type { ServerAddress } from '../kubeconfig/types.js';
import { ExpiryWarnings } from '../observability/expiry-warning.js';
import type { Logger } from '../observability/log/logger.js';
import type { CredentialMetrics } from '../observability/metrics/credential-metrics.js';
import type { Metrics } from '../observability/metrics/metrics.js';
import type { Options } from '../options/table.js';
import type { OpenStreams } from '../proxy/open-streams.js';

/** What clusters are made from. */
export interface ClusterParts {
  readonly options: Options;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homedir: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Says why a configuration cannot be used together with the options; undefined if it can. */
  readonly refuse: ConfigurationOptions['refuse'];
  /** Milliseconds between two readings of the configuration's files. */
  readonly rereadInterval?: number | undefined;
}

/** The clusters of a program, and the expiry warnings for their certificates. */
export class ObservedClusters implements Component {
  readonly registry: ClusterRegistry;
  readonly #parts: ClusterParts;
  readonly #expiryWarnings: ExpiryWarnings;
  readonly #kubeconfig: FollowedKubeconfig;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.#expiryWarnings = new ExpiryWarnings(parts.logger);
    const { options, env, homedir, rereadInterval } = parts;
    const { allContexts, contexts } = options;
    this.#kubeconfig = new FollowedKubeconfig({
      location: { flag: options.kubeconfig, env: env['KUBECONFIG'], homedir },
      env,
      hasServer: isSet(options.server),
      interval: rereadInterval,
    });
    this.#kubeconfig.whenRead(() => this.registry.update(this.#kubeconfig.contexts));
    this.registry = new ClusterRegistry({
      create: (name, added) => this.#create(name, added),
      serves: name => allContexts && contexts.matches(name),
    });
  }

  /** The number of connections to each cluster, by its name. */
  connections(streams: Pick<OpenStreams, 'upgradedTo'>) {
    return new Map(
      this.registry.used.map(cluster => [
        cluster.name,
        { ...cluster.connections, upgraded: streams.upgradedTo(cluster) },
      ]),
    );
  }

  /** Describes the API server of `/` for a log line, without secrets. */
  describeDefault({ cluster, user }: Pick<Options, 'cluster' | 'user'>): object {
    const { name, endpoint } = this.registry.default;
    const context = this.registry.contexts.find(summary => summary.name === name);
    const server = endpoint?.config.server;
    return {
      context: name || undefined,
      cluster: cluster || context?.cluster || undefined,
      server: server && nameOf(server),
      user: user || context?.user || undefined,
    };
  }

  /** Begins to warn of certificates that expire soon. */
  start(): void {
    this.#expiryWarnings.start();
  }

  close(): void {
    this.registry.close();
    this.#kubeconfig.close();
    this.#expiryWarnings.close();
  }

  #create(name: string, added?: AddedCluster): Cluster {
    const { options, metrics } = this.#parts;
    const of = name === '' ? '' : ` of ${added ? 'cluster' : 'context'} ${JSON.stringify(name)}`;
    const credentials = () => cluster.metrics.credentials;
    const onCertificate = (notAfter: Date | undefined) => {
      credentials().clientCertificateExpires(notAfter);
      this.#expiryWarnings.watch(`the client certificate${of}`, notAfter);
    };
    const follow = async (use: (endpoint: Endpoint) => void) => {
      const options = this.#followOptions(name, credentials);
      const followed = await (added?.follow(use, options.events) ?? followConfiguration(options, use));
      return {
        close() {
          followed.close();
          onCertificate(undefined);
        },
      };
    };
    const cluster: Cluster = new Cluster(name, follow, {
      keepAlive: options.keepalive,
      // client-go has the same switch.
      http2: (this.#parts.env['DISABLE_HTTP2'] ?? '') === '',
      metricsOf: metrics.ofCluster,
      voucher: added && this.registry.default,
      onCertificate,
      onConnect: metrics.connections.connected,
    });
    return cluster;
  }

  #followOptions(name: string, credentials: () => CredentialMetrics): FollowOptions {
    const { options, env, metrics, refuse, rereadInterval } = this.#parts;
    const logger = name === '' ? this.#parts.logger : this.#parts.logger.child({ cluster: name });
    return {
      kubeconfig: this.#kubeconfig,
      env,
      overrides: name === '' ? options : { ...options, context: name },
      events: {
        expires: (source, at) => credentials().expires(source, at),
        refreshed: (source, result) => credentials().refreshed(source, result),
        log: logger,
      },
      interval: rereadInterval,
      ...(refuse !== undefined && { refuse }),
      onReload(problems, now, before) {
        if (name === '') metrics.reloaded(problems.length === 0);
        if (problems.length === 0) logger.info(changesOf(now, before), 'configuration reloaded');
        else logger.error({ problems }, 'configuration cannot be used; the last good one stays in use');
      },
    };
  }
}

/** The URL of a server for the log. Over plain HTTP the path may be what another proxy keeps its clients by. */
function nameOf(server: ServerAddress): string {
  return urlOf(server.protocol === 'http:' ? { ...server, path: '' } : server);
}

/** The context and the server of a configuration, as far as they are others than before. */
function changesOf(now: Endpoint | undefined, before: Endpoint | undefined): object {
  if (now === undefined || before === undefined) return {};
  const server = nameOf(now.config.server);
  return {
    ...(now.context !== before.context && { context: now.context }),
    ...(server !== nameOf(before.config.server) && { server }),
  };
}
