import { fieldRequirements } from '../../../src/kubernetes/field-selector.js';
import { labelRequirements } from '../../../src/kubernetes/label-selector.js';
import type { KubeObject } from './objects.js';
import { badRequest } from './status-failure.js';

/** Decides whether an object matches the selectors of a list or watch. */
export type Selector = (object: KubeObject) => boolean;

function fieldOf(object: KubeObject, path: string): string {
  let found: unknown = object;
  for (const part of path.split('.')) found = (found as Record<string, unknown> | undefined)?.[part];
  return String(found ?? '');
}

/** Reads labelSelector and fieldSelector (any scalar field); both must match. Throws 400. */
export function readSelector(query: URLSearchParams): Selector {
  const [label, field] = ['labelSelector', 'fieldSelector'].map(name => query.get(name) ?? '');
  const labels = labelRequirements(label ?? '');
  if (labels === undefined) throw badRequest(`unable to parse requirement: ${label}`);
  const fields = fieldRequirements(field ?? '');
  if (fields === undefined) throw badRequest(`invalid selector: ${field}`);
  return object =>
    labels.every(({ key, operator, values }) => {
      const value = object.metadata.labels?.[key];
      const matches = value !== undefined && (values.length === 0 || values.includes(value));
      return matches === (operator === 'In' || operator === 'Exists');
    }) &&
    fields.every(({ key, operator, values }) => {
      return values.includes(fieldOf(object, key)) === (operator === 'In');
    });
}
