/** The label `cluster`. Metrics have it if the proxy serves more than one API server. */
export interface ClusterLabel {
  /** The name of the label; empty if metrics do not have it. */
  readonly names: readonly string[];
  /** The label of one cluster. Its value is the name of a context, never a string that a client made up. */
  of(cluster: string): Readonly<Record<string, string>>;
}

export const withClusterLabel: ClusterLabel = { names: ['cluster'], of: cluster => ({ cluster }) };

export const withoutClusterLabel: ClusterLabel = { names: [], of: () => ({}) };
