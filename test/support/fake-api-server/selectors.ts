import { readLabelSelector } from './label-selector.js';
import type { KubeObject } from './objects.js';
import { badRequest } from './status-failure.js';

/** Decides whether an object matches the selectors of a list or watch. */
export type Selector = (object: KubeObject) => boolean;

const term = /^([^=!]*)(==|=|!=)(.*)$/s;

function fieldValue(object: KubeObject, field: string): string {
  let value: unknown = object;
  for (const part of field.split('.')) value = (value as Record<string, unknown> | undefined)?.[part];
  return value === undefined ? '' : String(value);
}

/** One term of a field selector (apimachinery `fields.ParseSelector`). A backslash escapes a comma, an equals sign or itself. */
function fieldRequirement(text: string): Selector {
  const [, field, operator, escaped = ''] = term.exec(text) ?? [];
  if (field === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`);
  const value = escaped.replace(/\\([\\,=]?)|=/g, (found: string, character?: string) => {
    if (character) return character;
    throw badRequest(
      `invalid field selector: ${found === '=' ? 'unescaped character in value: 61' : 'invalid escape sequence'}`,
    );
  });
  if (!/^(?:metadata\.name(?:space)?$|(?:spec|status|involvedObject)\.|(?:type|reason)$)/.test(field)) {
    throw badRequest(`field label not supported: ${field}`);
  }
  return object => (fieldValue(object, field) === value) === (operator !== '!=');
}

/** Reads labelSelector (equality and set form) and fieldSelector (any scalar field); both must match. Throws a failure of 400. */
export function readSelector(query: URLSearchParams): Selector {
  const matchesLabels = readLabelSelector(query.get('labelSelector') ?? '');
  const terms = (query.get('fieldSelector') ?? '').match(/(?:\\.|[^,\\])+\\?/gs) ?? [];
  const fields = terms.map(fieldRequirement);
  return object => matchesLabels(object.metadata.labels ?? {}) && fields.every(matches => matches(object));
}
