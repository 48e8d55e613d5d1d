/** The answer of `/-/clusters`. */
export interface ClustersAnswer {
  readonly root: { readonly path: string };
  /** Whether pages of Pods have another origin than this page. */
  readonly sandboxesProxiedPages: boolean;
  /** Whether a token is valid in all clusters. */
  readonly sharesTokens: boolean;
  /** Whether clients need the certificate of the proxy's authority. */
  readonly hasOwnAuthority: boolean;
  /** Who the proxy says the caller is; undefined if it does not authenticate callers. */
  readonly caller?: { readonly username: string };
  /** False if some clusters are not listed because nobody could say whether the user may see them. */
  readonly isComplete?: boolean;
  readonly clusters: readonly ClusterEntry[];
}

/** One cluster that the proxy serves. */
interface ClusterEntry {
  readonly name: string;
  /** The path of the cluster, which precedes the path of each request. */
  readonly path: string;
  readonly server: string;
  /** Whether a token for the cluster of `/` is the one for this cluster too, which never sees it. */
  readonly tokensOfRoot?: true;
  /** Whether it is the cluster of `/`. */
  readonly current: boolean;
  readonly state: 'unused' | 'ready' | 'failing';
  readonly reason?: string;
  /** What others say of its health. */
  readonly condition?: string;
  /** When it began to fail. */
  readonly since?: string;
  readonly version?: string;
  /** Nobody can say now whether the user may still see it. */
  readonly access?: 'unknown';
}

/** A cluster that the user can choose. */
export interface Cluster extends Omit<ClusterEntry, 'path'> {
  /** The beginning of its fragments; empty for the cluster of `/`. */
  readonly fragment: string;
  /** Another beginning that its fragments may have. */
  readonly alias: string;
  /** The path of the cluster, which precedes the path of each request. */
  readonly prefix: string;
}

/** The clusters to choose from, with the cluster of `/` first, if the user is shown it; and whether these are all. */
export function clustersOf({ root, clusters, isComplete }: ClustersAnswer) {
  const all = clusters.map(({ path, ...entry }): Cluster => {
    return entry.current
      ? { ...entry, fragment: '', alias: path, prefix: root.path }
      : { ...entry, fragment: path, alias: path, prefix: path };
  });
  return {
    clusters: [...all.filter(({ current }) => current), ...all.filter(({ current }) => !current)],
    hasAllClusters: isComplete ?? true,
  };
}
