/**
 * What is compared: `direct` is the load without a proxy, `two-workers` is this program with --workers=2, which is
 * never pinned, and `shared-watches` is this program with --share-watches, only for watches. The table's columns have this order.
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
