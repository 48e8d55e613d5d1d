/**
 * What is compared; `direct` is the load straight at the upstream, `two-workers` this program with --workers=2, which is
 * never pinned, and `shared-watches` this program with --share-watches, for watches alone. The order is that of the table's columns.
 */
export const programNames = [
  'kube-api-proxy',
  'shared-watches',
  'two-workers',
  'kubectl',
  'nginx',
  'direct',
] as const;
export type ProgramName = (typeof programNames)[number];
