import { readFileSync } from 'node:fs';
import { projectFile } from './project.js';

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
  readonly versions: {
    readonly version: string;
    readonly freshness?: 'Current';
    readonly resources: DiscoveryResource[];
  }[];
}

/** An answer of aggregated discovery. */
export interface DiscoveryList {
  readonly kind: 'APIGroupDiscoveryList';
  readonly apiVersion: 'apidiscovery.k8s.io/v2';
  readonly metadata: object;
  readonly items: readonly DiscoveryGroup[];
}

const allVerbs = 'create,delete,deletecollection,get,list,patch,update,watch';
const verbsOf = (text = '') => text.replace('*', allVerbs).split(',');

/**
 * What an API server of 1.34 says of itself at /api and /apis, by default. In its file, a group and version is followed by its resources
 * (name, kind, scope, short names, categories, verbs), and each of them by its subresources (name, kind, the kind's group and version if it
 * is of another one, verbs). `-` is none, and `*` all eight verbs.
 */
export function readRecordedDiscovery(): { readonly core: DiscoveryList; readonly groups: DiscoveryList } {
  const items: DiscoveryGroup[] = [];
  for (const line of readFileSync(projectFile('test/fixtures/resources.txt'), 'utf8').trimEnd().split('\n')) {
    const [name = '', kind = '', ...rest] = line.trim().split(' ');
    const resources = items.at(-1)?.versions.at(-1)?.resources;
    if (line.startsWith('    ')) {
      const [version = '', group = ''] = rest[0] === '-' ? [] : (rest[0] ?? '').split('/').reverse();
      const own = { subresource: name, responseKind: { group, version, kind }, verbs: verbsOf(rest[1]) };
      const resource = resources?.pop();
      if (resource) resources?.push({ ...resource, subresources: [...(resource.subresources ?? []), own] });
    } else if (line.startsWith('  ')) {
      const [scope, short = '', categories = '', verbs] = rest;
      resources?.push({
        ...{ resource: name, responseKind: { group: '', version: '', kind }, verbs: verbsOf(verbs) },
        ...{ scope: scope as DiscoveryResource['scope'], singularResource: kind.toLowerCase() },
        ...(short !== '-' && { shortNames: short.split(',') }),
        ...(categories !== '-' && { categories: categories.split(',') }),
      });
    } else {
      const [version = '', group] = name.split('/').reverse();
      if (items.length === 0 || items.at(-1)?.metadata.name !== group) {
        items.push({ metadata: group === undefined ? {} : { name: group }, versions: [] });
      }
      items.at(-1)?.versions.push({ version, freshness: 'Current', resources: [] });
    }
  }
  const head = { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {} } as const;
  return { core: { ...head, items: items.slice(0, 1) }, groups: { ...head, items: items.slice(1) } };
}
