import type { KubeObject } from './objects.js';
import { badRequest } from './status-failure.js';

/** Decides whether an object matches the selectors of a list or watch. */
export type Selector = (object: KubeObject) => boolean;

type Labels = Readonly<Record<string, string | undefined>>;

const setTerm = /^([\w./-]+) +(in|notin) *\(([\w., -]*)\)$/;
const equalityTerm = /^([\w./-]+) *(==|=|!=) *([\w.-]*)$/;
const presenceTerm = /^(!?) *([\w./-]+)$/;

/** One term of a label selector: equality, set form, or presence. */
function labelTerm(text: string): (labels: Labels) => boolean {
  const [, setKey = '', word, list = ''] = setTerm.exec(text) ?? [];
  if (word !== undefined) {
    const values: readonly (string | undefined)[] = list.split(',').map(value => value.trim());
    return labels => values.includes(labels[setKey]) === (word === 'in');
  }
  const [, key = '', operator, value] = equalityTerm.exec(text) ?? [];
  if (operator !== undefined) return labels => (labels[key] === value) === (operator !== '!=');
  const [, negation, present] = presenceTerm.exec(text) ?? [];
  if (present !== undefined) return labels => (labels[present] === undefined) === (negation === '!');
  throw badRequest(`unable to parse requirement: found '${text}'`);
}

function fieldTerm(text: string): Selector {
  const [, field, operator, value] = /^([\w.]+)(==|=|!=)([^=]*)$/.exec(text) ?? [];
  if (field === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`);
  return object => {
    let found: unknown = object;
    for (const part of field.split('.')) found = (found as Record<string, unknown> | undefined)?.[part];
    return (String(found ?? '') === value) === (operator !== '!=');
  };
}

/** Reads labelSelector (equality, set form and presence) and fieldSelector (any scalar field); both must match. Throws 400. */
export function readSelector(query: URLSearchParams): Selector {
  // A comma in parentheses separates values.
  const labels = (query.get('labelSelector') ?? '').match(/(?:\([^)]*\)|[^,])+/g) ?? [];
  const fields = (query.get('fieldSelector') ?? '').split(',').filter(Boolean);
  const matchesLabels = labels.map(text => labelTerm(text.trim()));
  const matchesFields = fields.map(fieldTerm);
  return object =>
    matchesLabels.every(matches => matches(object.metadata.labels ?? {})) &&
    matchesFields.every(matches => matches(object));
}
