export const group = 'multicluster.x-k8s.io';
/** Where CustomResourceDefinitions are. */
export const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** ClusterProfiles in these versions of their API. */
export function definition(...served: readonly string[]) {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  const annotation = 'https://github.com/kubernetes-sigs/cluster-inventory-api';
  return {
    metadata: { name: `clusterprofiles.${group}`, annotations: { 'api-approved.kubernetes.io': annotation } },
    spec: {
      ...{ group, scope: 'Namespaced' },
      names: { plural: 'clusterprofiles', kind: 'ClusterProfile', listKind: 'ClusterProfileList' },
      versions: ['v1alpha1', 'v1alpha2'].map(name => ({
        ...{ name, schema, served: served.includes(name), storage: name === 'v1alpha1' },
        subresources: { status: {} },
      })),
    },
  };
}
