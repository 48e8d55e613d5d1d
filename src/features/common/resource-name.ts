import { builtInResources } from '../../kubernetes/built-in-resources.js';

/** RESOURCE[.GROUP][/SUBRESOURCE], as flags name resources; `*` stands for any. */
export interface ResourceName {
  readonly resource: string;
  /** Undefined without a group. */
  readonly group: string | undefined;
  /** Undefined without a subresource; `*` for all subresources without the resource. */
  readonly subresource: string | undefined;
}

/** As `kubectl create role --resource` reads it. */
const pattern = /^(\*|[a-z0-9-]+)(?:\.([a-z0-9.-]+))?(?:\/(\*|[a-z0-9-]+))?$/;

/** Names that kubectl reads as one of Kubernetes' own resources, and that no path has. */
const shortNames = new Set(
  `all cm cr crb crd crds cs csr deploy ds ej ep ev hpa ing limits netpol no ns pc pdb po pv pvc quota rc rs sa sc sts
  svc vap vwc`.split(/\s+/),
);

/** The groups of Kubernetes' own resources, by their names in paths. The core group is empty. */
const groups = new Map<string, readonly string[]>();
for (const [groupVersion, resources] of Object.entries(builtInResources)) {
  const group = groupVersion.includes('/') ? groupVersion.replace(/\/.*/, '') : '';
  for (const entry of resources.split(/\s+/)) {
    const resource = entry.replace(/\/.*/, '');
    groups.set(resource, [...new Set([...(groups.get(resource) ?? []), group])]);
  }
}

/** The groups in which Kubernetes itself has a resource; undefined if it is none of its own. */
export function groupsOf(resource: string): readonly string[] | undefined {
  return groups.get(resource);
}

/** Reads a name in any case. A problem is a whole sentence with the name: a name of no resource would mean nothing, and nobody would notice. */
export function readResourceName(text: string): ResourceName | { readonly problem: string } {
  const match = pattern.exec(text.trim().toLowerCase());
  if (match === null)
    return { problem: `${JSON.stringify(text)} is not RESOURCE, RESOURCE.GROUP or either with /SUBRESOURCE` };
  const [, resource = '', group, subresource] = match;
  const plural = group === undefined ? pluralOf(resource) : undefined;
  if (plural !== undefined)
    return { problem: `${JSON.stringify(text)} is not how paths name it; write ${plural}` };
  return { resource, group, subresource };
}

/** The plural that a singular or a short name of Kubernetes' own resources must be. */
function pluralOf(name: string): string | undefined {
  if (shortNames.has(name)) return 'the full name, such as pods for po';
  if (groups.has(name)) return undefined;
  return [`${name}s`, `${name}es`, name.replace(/y$/, 'ies')].find(plural => groups.has(plural));
}
