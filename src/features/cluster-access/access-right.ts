import type { ValueType } from '../../lib/value-type.js';
import type { ResourceAttributes } from '../../reviews/attributes.js';
import { groupsOf, readResourceName } from '../common/resource-name.js';

/** VERB/RESOURCE[.GROUP][/SUBRESOURCE], in all namespaces; undefined for an empty string. */
export const accessRight: ValueType<ResourceAttributes | undefined> = {
  placeholder: 'VERB/RESOURCE',
  separator: undefined,
  parse(text, where) {
    if (text === '') return { value: undefined };
    const right = read(text);
    return typeof right === 'string' ? { problems: [`${where}: ${right}`] } : { value: right };
  },
};

/** The right, or a sentence about what is wrong with the text. */
function read(text: string): ResourceAttributes | string {
  const [, verb, resourceText] = /^([a-z]+|\*)\/(.*)$/s.exec(text) ?? [];
  if (verb === undefined || resourceText === undefined)
    return `${JSON.stringify(text)} is not VERB/RESOURCE (such as list/namespaces)`;
  const name = readResourceName(resourceText);
  if ('problem' in name) return name.problem;
  const { resource, group, subresource } = name;
  const groups = groupsOf(resource) ?? [];
  // Without a group, the API server is asked about the core group.
  if (group === undefined && resource !== '*' && !groups.includes('')) {
    const full = groups.map(each => `${resource}.${each}`).join(' or ') || `${resource}.GROUP`;
    return `${JSON.stringify(resourceText)} is not of the core group; write ${full}`;
  }
  return { verb, group: group ?? '', resource, ...(subresource !== undefined && { subresource }) };
}
