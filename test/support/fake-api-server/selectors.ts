import type { KubeObject } from './objects.js';
import { badRequest } from './status-failure.js';

/** Decides whether an object matches the selectors of a list or watch. */
export type Selector = (object: KubeObject) => boolean;

const setRequirement = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/;
const equalityRequirement = /^([^=!\s]+)\s*(==|=|!=)\s*(\S*)$/;

/** Splits at commas outside parentheses. */
function splitRequirements(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map(part => part.trim())
    .filter(part => part !== '');
}

function labelRequirement(text: string): Selector {
  const set = setRequirement.exec(text);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map(value => value.trim()));
    return object => values.has(object.metadata.labels?.[key] ?? '\0') === (operator === 'in');
  }
  const equality = equalityRequirement.exec(text);
  if (equality) {
    const [, key = '', operator, value] = equality;
    return object => (object.metadata.labels?.[key] === value) === (operator !== '!=');
  }
  if (text.startsWith('!')) return object => object.metadata.labels?.[text.slice(1).trim()] === undefined;
  if (/\s/.test(text)) {
    throw badRequest(
      `unable to parse requirement: found '${text.split(/\s+/)[1]}', expected: in, notin, =, ==, !=, gt, lt`,
    );
  }
  return object => object.metadata.labels?.[text] !== undefined;
}

function fieldValue(object: KubeObject, field: string): string {
  let value: unknown = object;
  for (const part of field.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
  return value === undefined ? '' : String(value);
}

function fieldRequirement(text: string): Selector {
  const [, field = '', operator, value] = equalityRequirement.exec(text) ?? [];
  if (field === '') throw badRequest(`invalid field selector: "${text}"`);
  if (!/^(?:metadata|spec|status|involvedObject)\.|^(?:type|reason)$/.test(field)) {
    throw badRequest(`field label not supported: ${field}`);
  }
  return object => (fieldValue(object, field) === value) === (operator !== '!=');
}

/** Reads labelSelector (equality and set form) and fieldSelector (any scalar field); both must match. */
export function readSelector(query: URLSearchParams): Selector {
  const requirements = [
    ...splitRequirements(query.get('labelSelector') ?? '').map(labelRequirement),
    ...splitRequirements(query.get('fieldSelector') ?? '').map(fieldRequirement),
  ];
  return object => requirements.every(matches => matches(object));
}
