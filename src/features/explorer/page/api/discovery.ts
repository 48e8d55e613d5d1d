import type { WireList } from './objects.js';

/** One resource of the API, as discovery lists it. */
export interface ApiResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** The name in paths: `pods`. */
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  readonly shortNames: readonly string[];
  readonly subresources: readonly ApiSubresource[];
}

/** The subresources: `log`, `status`. */
interface ApiSubresource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** One version of a group. */
export interface ApiVersion {
  readonly version: string;
  readonly resources: readonly ApiResource[];
  /** Whether discovery is old because the aggregated API server of this version is unavailable. */
  readonly isStale: boolean;
}

/** A group, with the preferred version first. */
export interface ApiGroup {
  /** Empty for the core group. */
  readonly name: string;
  readonly versions: readonly ApiVersion[];
}

/** All groups and resources of one API server. */
export class ApiIndex {
  readonly groups: readonly ApiGroup[];
  readonly #resources = new Map<string, ApiResource>();

  constructor(groups: readonly ApiGroup[]) {
    this.groups = groups;
    for (const { versions } of groups) {
      for (const { resources } of versions) {
        for (const resource of resources) this.#resources.set(keyOf(resource), resource);
      }
    }
  }

  group(name: string): ApiGroup | undefined {
    return this.groups.find(group => group.name === name);
  }

  resource(group: string, version: string, name: string): ApiResource | undefined {
    return this.#resources.get(keyOf({ group, version, name }));
  }

  /** The resource in the preferred version of its group, or else in the first version that has it. */
  preferred(group: string, name: string): ApiResource | undefined {
    for (const { version } of this.group(group)?.versions ?? []) {
      const found = this.resource(group, version, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The resource whose objects have this `apiVersion` and `kind`. */
  ofKind(apiVersion: string, kind: string): ApiResource | undefined {
    const [group, version] = splitGroupVersion(apiVersion);
    const found = this.group(group)?.versions.find(entry => entry.version === version);
    return found?.resources.find(resource => resource.kind === kind);
  }
}

/** `apps/v1`, or `v1` for the core group. */
export function groupVersion({
  group,
  version,
}: {
  readonly group: string;
  readonly version: string;
}): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Whether a group belongs to Kubernetes itself, and not to a custom resource or an aggregated API. */
export function isBuiltIn(group: string): boolean {
  return builtInGroups.has(group) || /^[a-z]+\.(?:[a-z]+\.)?k8s\.io$/.test(group);
}

const builtInGroups: ReadonlySet<string> = new Set([
  '',
  'apps',
  'autoscaling',
  'batch',
  'extensions',
  'policy',
]);

function splitGroupVersion(apiVersion: string): [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

function keyOf({ group, version, name }: Pick<ApiResource, 'group' | 'version' | 'name'>): string {
  return `${group}/${version}/${name}`;
}

/** The parts of aggregated discovery that the page reads (k8s.io/api `apidiscovery/v2`). */
export interface AggregatedDiscovery {
  readonly kind: 'APIGroupDiscoveryList';
  readonly items?: WireList<{
    readonly metadata?: { readonly name?: string };
    readonly versions?: WireList<{
      readonly version: string;
      readonly freshness?: string;
      readonly resources?: WireList<{
        readonly resource: string;
        readonly responseKind?: { readonly kind?: string } | null;
        readonly scope: string;
        readonly verbs?: WireList<string>;
        readonly shortNames?: WireList<string>;
        readonly subresources?: WireList<{
          readonly subresource: string;
          readonly responseKind?: { readonly kind?: string } | null;
          readonly verbs?: WireList<string>;
        }>;
      }>;
    }>;
  }>;
}

/** Reads an aggregated document. Resources and groups whose names cannot be in a path are skipped. */
export function readAggregated({ items }: AggregatedDiscovery): readonly ApiGroup[] {
  return (items ?? [])
    .map(({ metadata, versions }) => {
      const group = metadata?.name ?? '';
      const read = (versions ?? []).map(({ version, freshness, resources }): ApiVersion => {
        return {
          version,
          isStale: freshness === 'Stale',
          resources: (resources ?? [])
            .map(({ resource, responseKind, scope, verbs, shortNames, subresources }) => ({
              group,
              version,
              name: resource,
              kind: responseKind?.kind ?? '',
              verbs: verbs ?? [],
              shortNames: shortNames ?? [],
              namespaced: scope === 'Namespaced',
              subresources: (subresources ?? [])
                .map(({ subresource, responseKind: kind, verbs: can }) => {
                  return { name: subresource, kind: kind?.kind ?? '', verbs: can ?? [] };
                })
                .filter(hasPlainName),
            }))
            .filter(hasPlainName),
        };
      });
      return { name: group, versions: read.filter(({ version }) => isPlain(version)) };
    })
    .filter(isPlainGroup);
}

/** The parts of an APIResourceList that the page reads. */
export interface ResourceList {
  readonly groupVersion: string;
  readonly resources?: WireList<{
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs?: WireList<string>;
    readonly shortNames?: WireList<string>;
  }>;
}

/** The parts of an APIGroupList that the page reads. */
export interface GroupList {
  readonly groups?: WireList<GroupEntry>;
}

interface GroupEntry {
  readonly name: string;
  readonly versions?: WireList<{ readonly version: string }>;
  readonly preferredVersion?: { readonly version?: string };
}

/** The versions of a group, the preferred one first. */
export function versionsOf({ versions, preferredVersion }: GroupEntry): readonly string[] {
  const names = (versions ?? []).map(({ version }) => version).filter(isPlain);
  const preferred = preferredVersion?.version;
  return [...names.filter(name => name === preferred), ...names.filter(name => name !== preferred)];
}

/** Reads the discovery of one version from an API server without aggregated discovery. Undefined if there was no answer. */
export function readVersion(group: string, version: string, list: ResourceList | undefined): ApiVersion {
  const entries = list?.resources ?? [];
  const resources = entries
    .filter(({ name }) => !name.includes('/'))
    .map(({ name, kind, namespaced, verbs, shortNames }) => ({
      group,
      version,
      name,
      kind,
      namespaced,
      verbs: verbs ?? [],
      shortNames: shortNames ?? [],
      subresources: entries
        .filter(entry => entry.name.startsWith(`${name}/`))
        .map(entry => ({
          name: entry.name.slice(name.length + 1),
          kind: entry.kind,
          verbs: entry.verbs ?? [],
        }))
        .filter(hasPlainName),
    }))
    .filter(hasPlainName);
  return { version, resources, isStale: list === undefined };
}

/** Whether a string is one plain segment of a path, as names of resources and versions are. */
export function isPlain(text: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(text);
}

/** Whether the name of a group is a DNS name; only such a name may be in a path. */
export function isPlainGroup({ name }: { readonly name: string }): boolean {
  return name === '' || name.split('.').every(isPlain);
}

function hasPlainName({ name }: { readonly name: string }): boolean {
  return isPlain(name);
}
