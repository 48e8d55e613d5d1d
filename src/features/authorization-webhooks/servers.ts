import { Cluster, ConfigurationError } from '../../clusters/cluster.js';
import { followConfiguration } from '../../clusters/follow.js';
import { post, tooLarge } from '../../clusters/own-request.js';
import { fieldValue } from '../../http/header-fields.js';
import { FollowedKubeconfig } from '../../kubeconfig/followed-kubeconfig.js';
import { codedError } from '../../lib/connection-failure.js';
import { within } from '../../lib/promises.js';
import { UpstreamError } from '../../transport/upstream-error.js';
import { unreadableAnswer, type WebhookServer } from './configuration.js';

/** What servers are made with. */
export interface ServerParts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
  /** Called after each reading of changed files: whether they can be used. */
  readonly reloaded: (isUsable: boolean) => void;
  /** Milliseconds between two readings of the files. */
  readonly interval: number | undefined;
}

/** A kubeconfig, and what is reached by it. */
interface OpenServer {
  readonly cluster: Cluster<undefined>;
  /** Why the last version of its files is not the one in use; empty if it is. */
  problems: readonly string[];
}

/** Milliseconds: kubectl's own period of TCP keep-alive. */
const keepAlive = 30_000;
const mostBytes = 16 * 1024 * 1024;

/** The servers of webhooks, each by its kubeconfig. The files of all are followed. */
export class WebhookServers {
  readonly #parts: ServerParts;
  #open = new Map<string, OpenServer>();

  constructor(parts: ServerParts) {
    this.#parts = parts;
  }

  /** The servers of these kubeconfigs; or their problems, by kubeconfig. Those that are open already stay open. */
  async open(
    kubeconfigs: readonly string[],
  ): Promise<
    { readonly servers: ServerSet } | { readonly problems: ReadonlyMap<string, readonly string[]> }
  > {
    const servers = new Map<string, OpenServer>();
    const problems = new Map<string, readonly string[]>();
    for (const file of new Set(kubeconfigs)) {
      const server = this.#open.get(file) ?? this.#create(file);
      servers.set(file, server);
      try {
        await server.cluster.open();
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        problems.set(file, error.problems.map(ofWebhook));
      }
    }
    const set = new ServerSet(servers);
    if (problems.size === 0) return { servers: set };
    this.drop(set);
    return { problems };
  }

  /** From now on these are the servers, and the others are closed. */
  use({ all }: ServerSet): void {
    const before = this.#open;
    this.#open = new Map(all);
    for (const [file, server] of before) if (all.get(file) !== server) server.cluster.close();
  }

  /** Closes those that are not in use. */
  drop({ all }: ServerSet): void {
    for (const [file, server] of all) if (this.#open.get(file) !== server) server.cluster.destroy();
  }

  /** What readyz says of kubeconfigs that cannot be used any longer, one line each. */
  warnings(): readonly string[] {
    return [...this.#open].flatMap(([file, { problems }]) =>
      problems.length === 0 ? [] : [`${file} cannot be used; its last valid version stays in use`],
    );
  }

  close(): void {
    for (const { cluster } of this.#open.values()) cluster.destroy();
  }

  #create(file: string): OpenServer {
    const { env, interval, logger, reloaded } = this.#parts;
    const log = {
      info: (fields: object, message: string) => logger.info({ ...fields, kubeconfig: file }, message),
      warn: (fields: object, message: string) => logger.warn({ ...fields, kubeconfig: file }, message),
    };
    const kubeconfig = new FollowedKubeconfig({
      location: { flag: file, env: undefined, homedir: '' },
      ...{ env, interval, hasServer: false },
    });
    const follow: ConstructorParameters<typeof Cluster>[1] = use =>
      followConfiguration(
        {
          ...{ kubeconfig, env, overrides: {}, interval },
          events: { refreshed() {}, expires() {}, log },
          onReload(problems) {
            server.problems = problems;
            reloaded(problems.length === 0);
            const fields = { kubeconfig: file, ...(problems.length > 0 && { problems }) };
            if (problems.length === 0) logger.info(fields, 'kubeconfig of a webhook reloaded');
            else
              logger.error(
                fields,
                'the kubeconfig of a webhook cannot be used; the last good one stays in use',
              );
          },
        },
        endpoint => {
          const { config } = endpoint;
          // A webhook is asked at the path of its server itself.
          const path = config.server.path || '/';
          use({ ...endpoint, config: { ...config, server: { ...config.server, path } } });
        },
      );
    const cluster = new Cluster<undefined>('', follow, {
      ...{ keepAlive, http2: false },
      metricsOf: () => undefined,
      onCertificate() {},
      onConnect() {},
    });
    cluster.attach({ close: () => kubeconfig.close(), destroy() {} });
    const server: OpenServer = { cluster, problems: [] };
    return server;
  }
}

/** Servers that are open. */
export class ServerSet {
  readonly all: ReadonlyMap<string, OpenServer>;

  constructor(all: ReadonlyMap<string, OpenServer>) {
    this.all = all;
  }

  /**
   * The server of a kubeconfig that is among them.
   *
   * @param timeout Milliseconds. As client-go does it, the query of each request says it.
   */
  get(file: string, timeout: number): WebhookServer {
    const { cluster } = this.all.get(file) as OpenServer;
    const query = `?timeout=${timeout < 1_000 ? `${timeout}ms` : `${timeout / 1_000}s`}`;
    return {
      get url() {
        const { protocol, path = '' } = cluster.endpoint?.config.server ?? {};
        return `${protocol}//${cluster.host}${path}${query}`;
      },
      async post(body, options) {
        const late = () => {
          throw codedError('ETIMEDOUT', `${cluster.host} has not answered in time`);
        };
        try {
          const request = { accept: 'application/json, */*', timeout: options.timeout, most: mostBytes };
          const answer = await within(options.timeout, post(cluster, query, body, request), late);
          const { status, headers, text } = answer;
          return {
            ...{ status, text },
            contentType: fieldValue(headers, 'content-type'),
            contentEncoding: fieldValue(headers, 'content-encoding'),
            retryAfter: fieldValue(headers, 'retry-after'),
          };
        } catch (error) {
          throw error instanceof UpstreamError ? connectionError(error) : error;
        }
      },
    };
  }
}

/** The error of the connection, without the name of an API server. */
function connectionError({ message, cause, reason }: UpstreamError): Error {
  const text = message.replace('the API server at ', '');
  const { code = reason === 'timeout' ? 'ETIMEDOUT' : reason } = (cause ?? {}) as { readonly code?: string };
  if (code === tooLarge) return codedError(unreadableAnswer, `${text}: its answer has more than 16 MB`);
  return codedError(reason === 'protocol' ? unreadableAnswer : code, text);
}

/** Without the names of the flags for the kubeconfig of the API server. */
function ofWebhook(problem: string): string {
  return problem.replace(/^--kubeconfig: |; pass another one with .*$/g, '');
}
