/** What `/-/clusters` says. */
export interface ClustersAnswer {
  readonly root: { readonly path: string };
  /** Whether pages of Pods have another origin than this page. */
  readonly sandboxesProxiedPages: boolean;
  /** Whether a token counts in all clusters. */
  readonly sharesTokens: boolean;
  readonly clusters: readonly ClusterEntry[];
}

/** One cluster that the proxy serves. */
interface ClusterEntry {
  readonly name: string;
  /** What stands before the path of each request. */
  readonly path: string;
  readonly server: string;
  /** Whether it is that of `/`. */
  readonly current: boolean;
  readonly state: 'unused' | 'ready' | 'failing';
  readonly reason?: string;
  readonly version?: string;
}

/** A cluster that a reader can choose. */
export interface Cluster extends Omit<ClusterEntry, 'path'> {
  /** What fragments begin with; empty for that of `/`. */
  readonly fragment: string;
  /** What they may begin with as well. */
  readonly alias: string;
  /** What stands before the path of each request. */
  readonly prefix: string;
}

/** The clusters to choose from, that of `/` first. */
export function clustersOf({ root, clusters }: ClustersAnswer): readonly Cluster[] {
  const all = clusters.map(({ path, ...entry }): Cluster => {
    return entry.current
      ? { ...entry, fragment: '', alias: path, prefix: root.path }
      : { ...entry, fragment: path, alias: path, prefix: path };
  });
  return [...all.filter(({ current }) => current), ...all.filter(({ current }) => !current)];
}
