/** The label `cluster`, which metrics have where more than one API server is served. */
export interface ClusterLabel {
  /** Its name, or none. */
  readonly names: readonly string[];
  /** The label of one cluster: its value is the name of a context, never what a client made up. */
  of(cluster: string): Readonly<Record<string, string>>;
}

export const withClusterLabel: ClusterLabel = { names: ['cluster'], of: cluster => ({ cluster }) };

export const withoutClusterLabel: ClusterLabel = { names: [], of: () => ({}) };
