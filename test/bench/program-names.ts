/** What is compared: `shared-watches` is this program with --share-watches, only for watches. The table's columns have this order. */
export const programNames = ['kube-api-proxy', 'shared-watches', 'kubectl', 'nginx'] as const;
export type ProgramName = (typeof programNames)[number];
