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
  for (const text of splitTerms(selector)) {
    const operator = /!=|==|=/.exec(text);
    if (operator === null) return undefined;
    const value = unescapeValue(text.slice(operator.index + operator[0].length));
    if (value === undefined) return undefined;
    terms.push({ text, field: text.slice(0, operator.index), isEqual: operator[0] !== '!=', value });
  }
  return terms;
}

/** Splits a selector into its terms, without empty ones. */
function splitTerms(selector: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < selector.length; at++) {
    if (selector[at] === '\\') {
      at++;
    } else if (selector[at] === ',') {
      if (at > start) terms.push(selector.slice(start, at));
      start = at + 1;
    }
  }
  if (start < selector.length) terms.push(selector.slice(start));
  return terms;
}

function unescapeValue(value: string): string | undefined {
  if (!/[\\,=]/.test(value)) return value;
  return /^(?:[^\\,=]|\\[\\,=])*$/.test(value) ? value.replace(/\\([\\,=])/g, '$1') : undefined;
}
