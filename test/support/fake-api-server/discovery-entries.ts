interface DiscoveryKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

interface DiscoverySubresource {
  readonly subresource: string;
  readonly responseKind: DiscoveryKind;
  readonly verbs: readonly string[];
}

/** A resource as aggregated discovery lists it. */
export interface DiscoveryResource {
  readonly resource: string;
  readonly responseKind: DiscoveryKind;
  readonly scope: 'Namespaced' | 'Cluster';
  readonly singularResource: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly DiscoverySubresource[];
}

/** A group as aggregated discovery lists it, its preferred version first. */
export interface DiscoveryGroup {
  readonly metadata: { readonly name?: string };
  readonly versions: readonly {
    readonly version: string;
    readonly resources: readonly DiscoveryResource[];
  }[];
}
