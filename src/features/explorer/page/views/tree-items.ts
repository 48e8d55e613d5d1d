import { type ApiIndex, type ApiResource, type ApiVersion, isBuiltIn } from '../api/discovery.js';
import { versionPath } from '../api/requests.js';

/** One line of the tree: a group, a version (if its group has several), or a resource. */
export interface TreeItem {
  /** Path in the API. It also identifies the line. */
  readonly path: string;
  readonly level: number;
  readonly label: string;
  /** Short names of a resource, the only version of a group, or the mark of the preferred version. */
  readonly note: string;
  /** The lines above it that must be unfolded to show it. */
  readonly parent: string | undefined;
  readonly hasChildren: boolean;
  /** Undefined for a group or a version. */
  readonly resource: ApiResource | undefined;
  /** How well it matches the filter itself, the best first: 0 is an exact name. Undefined if it does not match. */
  readonly match: number | undefined;
  readonly isCustom: boolean;
}

/** All lines; with a filter, the resources that match it and the lines above them. Groups of custom resources come last. */
export function visibleItems(index: ApiIndex, filter: string): readonly TreeItem[] {
  const groups = [...index.groups].sort((a, b) => rank(a.name) - rank(b.name));
  return groups.flatMap(({ name, versions }) => {
    const path = name === '' ? `/api/${versions[0]?.version ?? ''}` : `/apis/${name}`;
    const isCustom = !isBuiltIn(name);
    const isSingle = versions.length === 1;
    const children = versions.flatMap((version, at): TreeItem[] => {
      const own = versionPath({ group: name, version: version.version });
      const resources = resourceItems(version, filter, isSingle ? 2 : 3, own, isSingle ? path : own);
      if (isSingle || (filter !== '' && resources.length === 0)) return resources;
      const note = version.isStale ? 'not answering' : at === 0 ? 'preferred' : '';
      return [
        {
          path: own,
          level: 2,
          label: version.version,
          note,
          parent: path,
          hasChildren: resources.length > 0,
          match: undefined,
          resource: undefined,
          isCustom,
        },
        ...resources,
      ];
    });
    if (filter !== '' && children.length === 0) return [];
    const note = isSingle ? (versions[0]?.isStale ? 'not answering' : (versions[0]?.version ?? '')) : '';
    return [
      {
        path,
        level: 1,
        label: name || 'core',
        note,
        parent: undefined,
        hasChildren: children.length > 0,
        match: undefined,
        resource: undefined,
        isCustom,
      },
      ...children,
    ];
  });
}

function resourceItems(
  { resources }: ApiVersion,
  filter: string,
  level: number,
  path: string,
  parent: string,
): TreeItem[] {
  return resources
    .map(resource => ({ resource, match: matchOf(resource, filter) }))
    .filter(({ match }) => filter === '' || match !== undefined)
    .map(({ resource, match }) => ({
      path: `${path}/${resource.name}`,
      level,
      label: resource.name,
      note: resource.shortNames.join(', '),
      parent,
      hasChildren: false,
      resource,
      match,
      isCustom: false,
    }));
}

/** The line that matches best; the first one of several. */
export function bestMatch(items: readonly TreeItem[]): TreeItem | undefined {
  let best: TreeItem | undefined;
  for (const item of items) {
    if (item.match !== undefined && item.match < (best?.match ?? Number.POSITIVE_INFINITY)) best = item;
  }
  return best;
}

function matchOf({ name, kind, shortNames, group }: ApiResource, filter: string): number | undefined {
  if (filter === '') return undefined;
  const names = [name, kind.toLowerCase(), ...shortNames];
  if (names.includes(filter)) return 0;
  if (names.some(word => word.startsWith(filter))) return 1;
  return [...names, group].some(word => word.includes(filter)) ? 2 : undefined;
}

/** The core group first, then apps and the other short names, then other groups of Kubernetes, then custom groups. */
function rank(name: string): number {
  if (name === '') return 0;
  if (!isBuiltIn(name)) return 3;
  return name.includes('.') ? 2 : 1;
}
