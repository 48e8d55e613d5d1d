import type { Cluster } from '../clusters/cluster.js';

/** A prefix of paths, and what answers there. */
export interface Mount {
  /** The constant route that the router has for it: no client's spelling of a path reaches the router. */
  readonly route: string;
  /**
   * `public`: kubelets and load balancers, which have no credential, may ask. `caller`: callers are authenticated where authentication is
   * on. `optional`: so are those who bring a credential, and others may ask too.
   */
  readonly access: 'public' | 'optional' | 'caller';
  /** Whether its requests go to an API server, so that the rules about paths, resources and pages apply. */
  readonly isApi: boolean;
  /** Whether its requests are counted, limited and audited. The proxy's own metrics and health are not. */
  readonly isCounted: boolean;
  /** Whether its prefix names a context of the kubeconfig, whether there is one of that name or not. */
  readonly namesContext: boolean;
  /** Whether the path of the server's URL is put before each path that is sent, so that clients leave it out. */
  readonly appendsServerPath: boolean;
}

/** Where one request goes, decided once from its target. */
export interface Destination {
  readonly mount: Mount;
  /** The target without the mount's prefix: what the API server gets, and what the rules judge. */
  readonly target: string;
  /** The prefix that was removed from the target, as the client spells it, without its final slash; empty for none. */
  readonly prefix: string;
  /** The API server that the request goes to. For a request that goes to none it is the one of `/`, which reviews tokens of callers. */
  readonly cluster: Cluster;
}
