/**
 * What is compared; `direct` is the load straight at the upstream, and `two-workers` this program with --workers=2, which is
 * never pinned. The order is that of the table's columns.
 */
export const programNames = ['kube-api-proxy', 'two-workers', 'kubectl', 'nginx', 'direct'] as const;
export type ProgramName = (typeof programNames)[number];
