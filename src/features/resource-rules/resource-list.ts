import type { ValueType } from '../../lib/value-type.js';
import { type ResourceName, readResourceName } from '../common/resource-name.js';

/** One entry of `--reject-resources`. */
export interface ResourcePattern extends ResourceName {
  /** `*` for an entry without a group. Without a subresource, the resource is meant with all of them. */
  readonly group: string;
}

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
    const read = readResourceName(entry);
    if ('problem' in read) problems.push(read.problem);
    else patterns.push({ ...read, group: read.group ?? '*' });
  }
  return problems.length > 0 ? { problems } : { patterns };
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
