import { builtInResources } from '../../kubernetes/built-in-resources.js';
import type { ValueType } from '../../lib/value-type.js';

/** One entry of `--reject-resources`; `*` stands for any. */
export interface ResourcePattern {
  readonly resource: string;
  /** `*` for an entry without a group. */
  readonly group: string;
  /** Undefined for the resource with all its subresources; `*` for all subresources without the resource. */
  readonly subresource: string | undefined;
}

/** RESOURCE[.GROUP][/SUBRESOURCE], as `kubectl create role --resource` reads it. */
const pattern = /^(\*|[a-z0-9-]+)(?:\.([a-z0-9.-]+))?(?:\/(\*|[a-z0-9-]+))?$/;

/** Names that kubectl reads as one of Kubernetes' own resources, and that no path has. */
const shortNames = new Set(
  `all cm cr crb crd crds cs csr deploy ds ej ep ev hpa ing limits netpol no ns pc pdb po pv pvc quota rc rs sa sc sts
  svc vap vwc`.split(/\s+/),
);

const plurals: ReadonlySet<string> = new Set(
  Object.values(builtInResources)
    .join(' ')
    .split(/\s+/)
    .map(entry => entry.replace(/\/.*/, '')),
);

/**
 * Reads a comma-separated list of RESOURCE[.GROUP][/SUBRESOURCE] in any case. Problems are the ends of sentences that begin with the quoted
 * entry. An entry that names no resource is a problem too: it would reject nothing, and nobody would notice.
 */
export function parseResourceList(
  source: string,
): { readonly patterns: readonly ResourcePattern[] } | { readonly problems: readonly string[] } {
  const patterns: ResourcePattern[] = [];
  const problems: string[] = [];
  for (const entry of source === '' ? [] : source.split(',')) {
    const match = pattern.exec(entry.trim().toLowerCase());
    const [, resource = '', group = '*', subresource] = match ?? [];
    const plural = group === '*' ? pluralOf(resource) : undefined;
    if (match === null)
      problems.push(`"${entry}" is not RESOURCE, RESOURCE.GROUP or either with /SUBRESOURCE`);
    else if (plural !== undefined) problems.push(`"${entry}" is not how paths name it; write ${plural}`);
    else patterns.push({ resource, group, subresource });
  }
  return problems.length > 0 ? { problems } : { patterns };
}

/** The plural that a singular or a short name of Kubernetes' own resources must be. */
function pluralOf(name: string): string | undefined {
  if (shortNames.has(name)) return 'the full name, such as pods for po';
  if (plurals.has(name)) return undefined;
  return [`${name}s`, `${name}es`, name.replace(/y$/, 'ies')].find(plural => plurals.has(plural));
}

/** A resource, or one of its subresources if that is not empty; all in lower case. */
interface Resource {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
}

/** Whether the entry names this resource or subresource. */
export function isAbout(pattern: ResourcePattern, { group, resource, subresource }: Resource): boolean {
  return isAny(pattern.resource, resource) && isAny(pattern.group, group) && covers(pattern, subresource);
}

/** The entry as written in the flag. */
export function nameOf({ resource, group, subresource }: ResourcePattern): string {
  return `${resource}${group === '*' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
}

function isAny(pattern: string, text: string): boolean {
  return pattern === '*' || pattern === text;
}

function covers({ subresource: pattern }: ResourcePattern, subresource: string): boolean {
  return pattern === undefined || (subresource !== '' && isAny(pattern, subresource));
}

/** An option's list of RESOURCE[.GROUP][/SUBRESOURCE]. */
export const resourceList: ValueType<readonly ResourcePattern[]> = {
  placeholder: 'RESOURCES',
  separator: ',',
  parse(value, where) {
    const parsed = parseResourceList(value);
    if ('patterns' in parsed) return { value: parsed.patterns };
    return { problems: parsed.problems.map(problem => `${where}: ${problem}`) };
  },
};
