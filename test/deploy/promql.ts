/** One metric of an expression: its name and the labels of its selector. */
export interface Selector {
  readonly name: string;
  readonly labels: readonly string[];
}

const keywords = new Set(['and', 'or', 'unless', 'bool', 'offset']);

/**
 * The metrics that a PromQL expression reads and the labels that it groups by or matches on. It knows only the part of the language that
 * the rules and the dashboard use: no subqueries, no labels with the name of a function.
 */
export function readExpression(expression: string): { selectors: Selector[]; grouping: string[] } {
  const grouping: string[] = [];
  const selectors: Selector[] = [];
  const rest = expression
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\boffset\s+\w+/g, '')
    .replace(/\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([^)]*)\)/g, (_, labels: string) => {
      grouping.push(...words(labels));
      return '';
    });
  for (const [, name = '', matchers = ''] of rest.matchAll(
    /\b([a-zA-Z_:][\w:]*)\b(?!\s*\()(?:\{([^}]*)\})?|\{[^}]*\}/g,
  )) {
    if (!keywords.has(name)) selectors.push({ name, labels: words(matchers) });
  }
  return { selectors, grouping };
}

function words(text: string): string[] {
  return text.match(/[a-zA-Z_]\w*/g) ?? [];
}
