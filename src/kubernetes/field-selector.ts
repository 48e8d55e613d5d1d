/**
 * The value that a field selector requires for one field (`metadata.name=web-0`), as apimachinery's
 * `fields.ParseSelector(…).RequiresExactMatch(field)` finds it. Undefined without such a term, or if the selector is invalid.
 */
export function requiredFieldValue(selector: string, field: string): string | undefined {
  let required: string | undefined;
  let first: string | undefined;
  for (const term of splitTerms(selector)) {
    const operator = /!=|==|=/.exec(term);
    if (operator === null) return undefined;
    const value = unescapeValue(term.slice(operator.index + operator[0].length));
    if (value === undefined) return undefined;
    if (operator[0] === '!=' || term.slice(0, operator.index) !== field) continue;
    // If two terms are about one field, apimachinery takes the first in sorted order, not the first in the request.
    if (first !== undefined && first <= term) continue;
    first = term;
    required = value;
  }
  return required;
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
