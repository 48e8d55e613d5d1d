import { stringify } from 'yaml';
import { isRecord } from '../api/objects.js';

/** The kind of a part of a line, which decides its colour. */
export type TokenKind = 'key' | 'text' | 'number' | 'word' | 'mark';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

export type Path = readonly (string | number)[];

/** One line of YAML. */
export interface YamlLine {
  /** The path of the value that begins on the line. Further lines of a string have the same path. */
  readonly path: Path;
  /** Spaces before the first token. */
  readonly indent: number;
  readonly tokens: readonly Token[];
  /** Whether the following lines with a longer path belong to this line. */
  readonly hasChildren: boolean;
}

/** An object as YAML, line by line, as kubectl prints it. All lines together are a document with the same value. */
export function yamlLines(value: unknown): readonly YamlLine[] {
  const lines: YamlLine[] = [];
  addNode(value, { path: [], indent: 0, lead: [], lines });
  return lines;
}

/** The text of a line. */
export function lineText({ indent, tokens }: YamlLine): string {
  return ' '.repeat(indent) + tokens.map(({ text }) => text).join('');
}

interface At {
  readonly path: Path;
  readonly indent: number;
  /** The text before the value on its line: `key:` or `-`. */
  readonly lead: readonly Token[];
  readonly lines: YamlLine[];
}

const dash: Token = { kind: 'mark', text: '- ' };

function addNode(value: unknown, at: At): void {
  if (Array.isArray(value) && value.length > 0) addItems(value, at);
  else if (isRecord(value) && Object.keys(value).length > 0) addFields(value, at);
  else addScalar(value, at);
}

function addFields(value: Readonly<Record<string, unknown>>, { path, indent, lead, lines }: At): void {
  // The first field of an item is on the line of its dash.
  const isItem = lead.at(-1) === dash;
  if (lead.length > 0 && !isItem) lines.push({ path, indent, tokens: withoutSpace(lead), hasChildren: true });
  const inner = lead.length === 0 ? indent : indent + 2 * (isItem ? lead.length : 1);
  Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .forEach(([key, field], at) => {
      const isFirst = isItem && at === 0;
      const own: Token[] = [
        { kind: 'key', text: keyText(key) },
        { kind: 'mark', text: ': ' },
      ];
      addNode(field, {
        path: [...path, key],
        indent: isFirst ? indent : inner,
        lead: isFirst ? [...lead, ...own] : own,
        lines,
      });
    });
}

function addItems(value: readonly unknown[], { path, indent, lead, lines }: At): void {
  if (lead.length > 0) lines.push({ path, indent, tokens: withoutSpace(lead), hasChildren: true });
  // The items of a list are below its key, and not indented more than it.
  const depth = indentOf(indent, lead);
  value.forEach((item, at) => {
    addNode(item, { path: [...path, at], indent: depth, lead: [dash], lines });
  });
}

function addScalar(value: unknown, { path, indent, lead, lines }: At): void {
  const [first = '', ...more] = scalarText(value);
  const kind = kindOf(value);
  lines.push({ path, indent, tokens: [...lead, { kind, text: first }], hasChildren: false });
  const depth = indentOf(indent, lead) + (lead.at(-1) === dash ? 0 : 2);
  for (const text of more) {
    lines.push({ path, indent: text === '' ? 0 : depth, tokens: [{ kind, text }], hasChildren: false });
  }
}

/** The column of the key, after the dashes before it. */
function indentOf(indent: number, lead: readonly Token[]): number {
  return indent + 2 * lead.filter(token => token === dash).length;
}

function withoutSpace(lead: readonly Token[]): readonly Token[] {
  return lead.map((token, at) => {
    return at === lead.length - 1 ? { ...token, text: token.text.trimEnd() } : token;
  });
}

/** A key is one line. Its JSON is also valid YAML. */
function keyText(key: string): string {
  const [first = '', ...more] = scalarText(key);
  return more.length === 0 ? first : JSON.stringify(key);
}

/**
 * A scalar, or an empty list or map, as one or more lines. A string is quoted if a reader of YAML 1.1 or 1.2 would take it for another
 * type.
 */
function scalarText(value: unknown): readonly string[] {
  const old = scalarOf(value, '1.1');
  return /^["']/.test(old[0] ?? '') ? old : scalarOf(value, '1.2');
}

function scalarOf(value: unknown, version: '1.1' | '1.2'): readonly string[] {
  // As the value of a key, a string may take several lines, which are indented by two.
  const text = stringify({ k: value ?? null }, { lineWidth: 0, version, blockQuote: 'literal' });
  const [first = '', ...more] = text.replace(/\n$/, '').slice('k: '.length).split('\n');
  return [first, ...more.map(line => line.slice(2))];
}

function kindOf(value: unknown): TokenKind {
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean' || value === null || value === undefined) return 'word';
  return typeof value === 'string' ? 'text' : 'mark';
}
