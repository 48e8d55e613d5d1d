/** A term of a field selector: `metadata.name=web-0`. */
interface Term {
  readonly text: string;
  readonly field: string;
  readonly isEqual: boolean;
  readonly value: string;
}

/** Whether apimachinery's `fields.ParseSelector` accepts a field selector. */
export function isFieldSelector(selector: string): boolean {
  return parseTerms(selector) !== undefined;
}

/** `FieldSelectorRequirement` of meta/v1. */
export interface FieldRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn';
  readonly values: readonly string[];
}

/** What apimachinery's `fields.ParseSelector` makes of a field selector; undefined if it does not accept it. */
export function fieldRequirements(selector: string): readonly FieldRequirement[] | undefined {
  return parseTerms(selector)
    ?.sort((one, other) => (one.text < other.text ? -1 : 1))
    .map(({ field, isEqual, value }) => ({
      key: field,
      operator: isEqual ? 'In' : 'NotIn',
      values: [value],
    }));
}

/**
 * The value that a field selector requires for one field (`metadata.name=web-0`), as apimachinery's
 * `fields.ParseSelector(…).RequiresExactMatch(field)` finds it. Undefined without such a term, or if the selector is invalid.
 */
export function requiredFieldValue(selector: string, field: string): string | undefined {
  let first: Term | undefined;
  for (const term of parseTerms(selector) ?? []) {
    if (!term.isEqual || term.field !== field) continue;
    // If two terms are about one field, apimachinery takes the first in sorted order, not the first in the request.
    if (first === undefined || term.text < first.text) first = term;
  }
  return first?.value;
}

function parseTerms(selector: string): Term[] | undefined {
  const terms: Term[] = [];
  // Empty terms do not count, and a comma after a backslash ends none.
  for (const text of selector.match(/(?:\\.?|[^\\,])+/gs) ?? []) {
    const operator = /!=|==|=/.exec(text);
    if (operator === null) return undefined;
    const value = unescapeValue(text.slice(operator.index + operator[0].length));
    if (value === undefined) return undefined;
    terms.push({ text, field: text.slice(0, operator.index), isEqual: operator[0] !== '!=', value });
  }
  return terms;
}

function unescapeValue(value: string): string | undefined {
  return /^(?:[^\\,=]|\\[\\,=])*$/.test(value) ? value.replace(/\\([\\,=])/g, '$1') : undefined;
}
