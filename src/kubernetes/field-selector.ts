/** `FieldSelectorRequirement` of meta/v1. */
interface FieldRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn';
  readonly values: readonly [string];
}

/**
 * What apimachinery's `fields.ParseSelector` makes of a field selector (`metadata.name=web-0`), in its order; undefined if it does not accept
 * it.
 */
export function fieldRequirements(selector: string): readonly FieldRequirement[] | undefined {
  const requirements: FieldRequirement[] = [];
  // Empty terms do not count, and a comma after a backslash ends none. apimachinery sorts terms by their text.
  for (const text of (selector.match(/(?:\\.?|[^\\,])+/gs) ?? []).sort()) {
    const operator = /!=|==|=/.exec(text);
    if (operator === null) return undefined;
    const value = unescapeValue(text.slice(operator.index + operator[0].length));
    if (value === undefined) return undefined;
    requirements.push({
      key: text.slice(0, operator.index),
      operator: operator[0] === '!=' ? 'NotIn' : 'In',
      values: [value],
    });
  }
  return requirements;
}

/**
 * The value that a field selector requires for one field, as apimachinery's `fields.ParseSelector(…).RequiresExactMatch(field)` finds it.
 * Undefined without such a term, or if the selector is invalid.
 */
export function requiredFieldValue(selector: string, field: string): string | undefined {
  const exact = fieldRequirements(selector)?.find(({ key, operator }) => key === field && operator === 'In');
  return exact?.values[0];
}

function unescapeValue(value: string): string | undefined {
  return /^(?:[^\\,=]|\\[\\,=])*$/.test(value) ? value.replace(/\\([\\,=])/g, '$1') : undefined;
}
