import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { CallerRules } from './authentication/identity.js';
import type { ActiveMethod, AuthenticationMethod, OptionFacts } from './authentication/method.js';
import type { Cluster } from './clusters/cluster.js';
import type { ClusterRegistry } from './clusters/registry.js';
import type { ShowClusters } from './clusters/shown.js';
import type { Warning } from './endpoints/health.js';
import type { ApiPaths, OwnEndpoint } from './endpoints/own-endpoint.js';
import type { Guard } from './guard/guard.js';
import type { Listener } from './http/listener.js';
import type { Clock } from './lib/clock.js';
import type { OptionDefinitions } from './lib/option.js';
import type { Logger } from './observability/log/logger.js';
import type { AuthenticationMetrics } from './observability/metrics/authentication-metrics.js';
import type { Recorder } from './observability/recorder.js';
import type { CreateFollower } from './proxy/open-streams.js';
import type { CreateRoute } from './proxy/route.js';
import type { Authorizer } from './reviews/authorizer.js';
import type { MissingRights } from './reviews/missing-rights.js';
import type { Reviews } from './reviews/reviews.js';

/** What a feature is created with, besides the options and its metrics. */
export interface Core {
  /** The cluster of `/`. */
  readonly cluster: Cluster;
  /** Where clusters can be added below `/clusters/`. */
  readonly registry: Pick<ClusterRegistry, 'default' | 'contexts' | 'add' | 'remove'>;
  readonly logger: Logger;
  readonly clock: Clock;
  /** That of the program. */
  readonly version: string;
  /** The environment of the process: it may name a proxy server for connections. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where the process listens now, but for Unix sockets. */
  readonly listeners: () => readonly AddressInfo[];
  /** Whether only programs of this machine can reach the listener, and nobody asks who they are. */
  readonly isLocal: boolean;
  /** Milliseconds between two readings of files that are followed; undefined for the default. */
  readonly rereadInterval: number | undefined;
  /** Asks what users may do. */
  readonly reviews: Reviews;
  /** Says what the proxy itself may do as users. */
  readonly missingRights: MissingRights;
  /** Who may be a caller, but for service accounts, and which groups callers keep. */
  readonly callerRules: Omit<CallerRules, 'serviceAccounts'>;
  readonly metrics: {
    readonly authentication: Pick<AuthenticationMetrics, 'cacheAsked'>;
    /** Forgets clusters that a feature had added, and whose last requests have ended, but for samples of prom-client. */
    readonly forget: (clusters: ReadonlySet<string>) => void;
    /** A response began this number of milliseconds after its request was sent. */
    readonly firstByte: (milliseconds: number) => void;
  };
}

/** What a feature adds to a program. */
export interface FeatureParts extends Component {
  readonly recorder?: Recorder;
  /** Routes are asked in the order of the features. */
  readonly route?: CreateRoute;
  /** Is asked before the API server what users may do. At most one feature has it. */
  readonly authorizer?: Authorizer;
  /** Chooses the clusters that callers are shown; by default all. At most one feature has it. */
  readonly showClusters?: ShowClusters;
  /** Follows the open streams. */
  readonly follower?: CreateFollower;
  /** Adds routes to the admin listener. Whoever can reach the port can use them, unless they look who it is. */
  readonly adminRoutes?: (admin: FastifyInstance) => void;
  /** If the feature has a method, and the options turn it on. */
  readonly method?: ActiveMethod;
  /** The same for its listener. */
  readonly listener?: Listener;
  /** The flag by which it writes to standard output, which then has nothing else. */
  readonly usesStdout?: string | undefined;
  /** The process got a SIGHUP. */
  hangup?(): void;
  /** What readyz says besides, one line each. */
  warnings?(): readonly (string | Warning)[];
}

/** Why something cannot be made, one line each. */
export interface Problems {
  readonly problems: readonly string[];
}

type Created = FeatureParts | Problems | undefined;

/** What options turn on, as it is known before the start. */
export interface Switched<Options> {
  /** The flags that turn it on, with their dashes, for a sentence. */
  readonly flag: string;
  isOn(options: Options): boolean;
}

/** A program that a command is about, before it listens. */
export interface CommandProgram {
  readonly registry: Pick<ClusterRegistry, 'default' | 'names' | 'contexts'>;
  /** Where clients reach the API servers, below the base path. */
  readonly apiPaths: Pick<ApiPaths, 'root' | 'of'>;
  /** As in `FeatureParts`. */
  readonly usesStdout: string | undefined;
  /** Why a rule would reject a request, whoever sent it; undefined if none would. */
  rejectionOf(method: string, target: string): string | undefined;
  /** Listens, and begins to work in the background. Resolves to the address as bound, `host:port`. */
  listen(): Promise<{ readonly address: string } | Problems>;
  /** Lets open requests end, as at every shutdown, and then ends everything. */
  close(): Promise<void>;
}

/** A command that is about to run. */
export interface PreparedCommand<Options> {
  /** Options that are not the user's to set. */
  readonly options: Partial<Options>;
  /** The path that the listener is behind, as `createProgram` takes it. */
  readonly basePath: string;
  /** Descriptor of the file of the log; undefined for no log. */
  readonly log: number | undefined;
  /** Resolves to the exit code of the process. Signals are its own. */
  run(program: CommandProgram): Promise<number | Problems>;
}

/** What the process does in place of serving until a signal comes, if its first argument is the command's name. */
export interface Command<Options> {
  readonly name: string;
  /** How it is called, after the name of the program, for --help. */
  readonly usage: string;
  /** One use of it, with a comment before it, for --help. */
  readonly example: string;
  /**
   * Called before anything of the program is made.
   *
   * @param args What follows `--`; undefined without it.
   * @param env The environment of the process.
   */
  prepare(
    options: Options,
    args: readonly string[] | undefined,
    env: Core['env'],
  ): PreparedCommand<Options> | Problems;
}

/**
 * One capability that the program can do without: a folder of `features/`, and an entry in `features.ts`. It imports from folders of the core
 * that are below `app/` and `options/`, never from another feature. The core reaches it through these members alone. The file is always
 * loaded, so it imports no large package.
 *
 * @typeParam Options Its own options, and those of the core that it reads.
 * @typeParam Metrics What `metrics` returns.
 */
export interface Feature<Options, Metrics = undefined> {
  readonly name: string;
  /** Options besides those of its guards and its method. */
  readonly options?: OptionDefinitions;
  /** As `OptionOwner.problems`. */
  readonly problems?: (options: Options, given: ReadonlySet<string>, facts: OptionFacts) => readonly string[];
  /** Its guards. Within a stage they come after those of the core. */
  readonly guards?: readonly Guard<Options, Metrics>[];
  /** How it finds out who a caller is. Methods are asked in the order of the features. */
  readonly method?: AuthenticationMethod<Options>;
  /** How its listener encrypts what crosses the network, in place of plain HTTP. At most one feature has one. */
  readonly listener?: Switched<Options>;
  /** Says whether it adds clusters to those of the kubeconfig. */
  readonly clusters?: Switched<Options>;
  /** What the process does by this name. */
  readonly command?: Command<Options>;
  /** What it answers itself below `/-/`. In the index they come before those of the core. */
  readonly endpoints?: readonly OwnEndpoint<Options>[];
  /** Adds its metrics to the registry, whether it is on or off: alerts and documents need all of them. */
  readonly metrics?: (registry: Registry) => Metrics;
  /** Whether SIGHUP is for this feature, from the start of the process on. Otherwise it ends the process: its terminal is gone. */
  readonly followsHangup?: (options: Options) => boolean;
  /**
   * Called once, at the start; undefined if the options do not turn it on. It may read files, but opens no connection before the parts
   * start. Problems are one line each; then nothing is left to be closed.
   */
  readonly create?: (options: Options, core: Core, metrics: Metrics) => Created | Promise<Created>;
}

/** A feature of any metrics, as lists have them. */
export type AnyFeature<Options> =
  | Feature<Options, never>
  | (Omit<Feature<Options, never>, 'metrics'> & { readonly metrics: (registry: Registry) => unknown });

/** A part of the program that has a timer, a watcher or a socket. */
export interface Component {
  /** Begins its work in the background. It opens no connections before this call. */
  start?(): void;
  close(): void | Promise<void>;
}
