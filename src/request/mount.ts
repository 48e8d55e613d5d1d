import type { Cluster } from '../clusters/cluster.js';

/** A path prefix, and how its requests are handled. */
export interface Mount {
  /** The constant route of this mount. The router sees only this route, never a path as a client spelled it. */
  readonly route: string;
  /**
   * Who may send requests. `probe`: everybody, pages of other sites too, for kubelets and load balancers, which have no credential.
   * `public`: everybody. `optional`: everybody, but a caller who sends a credential is authenticated. `caller`: only authenticated
   * callers, if authentication is on.
   */
  readonly access: 'probe' | 'public' | 'optional' | 'caller';
  /** Whether its requests go to an API server, so that the guards for paths, resources and pages apply. */
  readonly isApi: boolean;
  /** Whether its requests are counted, limited and recorded. Those for the proxy's own metrics and health are not. */
  readonly isCounted: boolean;
  /** Whether its prefix names a context of the kubeconfig, even one that does not exist. */
  readonly namesContext: boolean;
  /** Whether a redirect that stays on the API server gets the prefix of the request, so that it leads here. */
  readonly relocates: boolean;
  /** Whether the proxy adds the path of the server's URL to each path, so that clients leave it out. */
  readonly appendsServerPath: boolean;
}

/** The destination of one request, chosen once from its target. */
export interface Destination {
  readonly mount: Mount;
  /** The target without the mount's prefix. The API server gets it, and the guards judge it. */
  readonly target: string;
  /** The prefix that was removed from the target, as the client spelled it, without its final slash; empty if there was none. */
  readonly prefix: string;
  /** The API server that the request goes to. If it goes to none, this is the one of `/`, which reviews the tokens of callers. */
  readonly cluster: Cluster;
}
