import {
  Composer,
  type CST,
  type Document,
  isCollection,
  isNode,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type ScalarTag,
  type Tags,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import type { Steps } from '../lib/steps.js';

/** The way to a value of a document, such as `['users', 0, 'name']`. */
export type Path = readonly (string | number)[];

/** The first document of a YAML (or JSON) file. */
export interface YamlDocument {
  readonly document: Document.Parsed;
  /** The document as plain values, with aliases and merge keys resolved; null if the file is empty. */
  readonly value: unknown;
  /** `FILE:LINE` of a node, or of the document's start. */
  at(node: Pick<Node, 'range'> | null | undefined): string;
  /** The node at the path, or the nearest one above it: a value behind an alias has no node at its path. */
  nodeAt(path: Path): Node | null;
}

/** How many aliases a file may have, including nested ones. A file with more is treated as an alias bomb. */
const maxAliasCount = 1000;
/** How deeply collections may be nested. To read a file with thousands of levels takes seconds. */
const mostLevels = 100;

/** Tokens that are read in one step. */
const tokensAtOnce = 100;
/** Items of one collection that are composed in one step. */
const itemsAtOnce = 32;

/**
 * Parses YAML as go-yaml does: merge keys work, `yes` is a boolean, and the last of two equal keys is used. A problem names the file and line, and quotes no
 * part of the file, which may be secret.
 */
export function* parseYaml(
  file: string,
  text: string,
): Steps<YamlDocument | { readonly problems: readonly [string] }> {
  const lineCounter = new LineCounter();
  const lineOf = (offset: number): string => `${file}:${lineCounter.linePos(offset).line}`;
  const tokens = yield* readTokens(text, lineCounter);
  if (typeof tokens === 'number') return { problems: [`${lineOf(tokens)}: more than ${mostLevels} levels`] };
  const document = yield* composeDocument(tokens);
  const [error] = document.errors.toSorted((one, other) => one.pos[0] - other.pos[0]);
  if (error !== undefined) return { problems: [`${lineOf(error.pos[0])}: ${withoutText(error.message)}`] };
  try {
    const value: unknown = document.toJS({ maxAliasCount });
    return {
      ...{ document, value, at: node => lineOf(node?.range?.[0] ?? 0) },
      nodeAt: path => nodeAt(document, path),
    };
  } catch (failure) {
    const message = failure instanceof Error ? failure.message : 'not YAML';
    return { problems: [`${lineOf(document.range[0])}: ${withoutText(message)}`] };
  }
}

/** A path as Kubernetes writes it: `users[0].name`. */
export function spell(path: Path): string {
  return path
    .map(part => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .slice(1);
}

function nodeAt(document: Document.Parsed, path: Path): Node | null {
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node;
  }
  return document.contents;
}

/** The tokens of the first document, and those around it; or the offset of the first place that has too many levels. */
function* readTokens(text: string, lineCounter: LineCounter): Steps<readonly CST.Token[] | number> {
  const parser = new Parser(lineCounter.addNewLine);
  lineCounter.addNewLine(0);
  const tokens: CST.Token[] = [];
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    // The first error counts. A file of brackets has hundreds of thousands, which would take seconds.
    if (tokens.at(-1)?.type === 'error') break;
    // The stack has the document, the open collections, and sometimes a scalar that is being read.
    const { stack } = parser;
    if (stack.length > mostLevels + 1 && stack.filter(isCollectionToken).length > mostLevels)
      return parser.offset;
    if (++count % tokensAtOnce === 0) yield;
  }
  tokens.push(...parser.end());
  const documents = tokens.flatMap(({ type }, index) => (type === 'document' ? [index] : []));
  return tokens.slice(0, documents[1]);
}

/** The booleans of YAML 1.1, which go-yaml takes where no quotes are around them. */
const booleans: ScalarTag = {
  ...{ tag: 'tag:yaml.org,2002:bool', default: true },
  test: /^(?:[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$/,
  resolve: text => /^(?:y|on)/i.test(text),
};

const options = {
  customTags: (tags: Tags) => [booleans, ...tags],
  prettyErrors: false,
  uniqueKeys: false,
  merge: true,
  logLevel: 'error',
  keepSourceTokens: true,
} as const;

type Collection = CST.BlockMap | CST.BlockSequence | CST.FlowCollection;

/** A collection that was divided: the offset at which it began, and the items before those that it still has. */
interface Divided {
  readonly offset: number;
  readonly parts: readonly Collection[];
}

/** Composes the document of these tokens, even if it is empty. Long collections are composed in parts, and then put together. */
function* composeDocument(tokens: readonly CST.Token[]): Steps<Document.Parsed> {
  const divisions = new Map<unknown, Divided>();
  // A directive counts for the tokens behind it alone.
  const canDivide = !tokens.some(({ type }) => type === 'directive');
  if (canDivide) for (const token of tokens) if (token.type === 'document') divide(token.value, divisions);
  const document = new Composer(options).compose(tokens, true, 0).next().value as Document.Parsed;
  yield;
  if (divisions.size === 0) return document;
  const divided: { readonly node: YAMLMap | YAMLSeq; readonly parts: readonly Collection[] }[] = [];
  visit(document, {
    Collection(_key, node) {
      const found = divisions.get(node.srcToken);
      if (found === undefined) return;
      divided.push({ node, parts: found.parts });
      if (node.range) node.range[0] = found.offset;
    },
  });
  for (const { node, parts } of divided) {
    const items: unknown[] = [];
    for (const value of parts) {
      const part = yield* composeDocument([{ type: 'document', offset: value.offset, start: [], value }]);
      if (isCollection(part.contents)) items.push(...part.contents.items);
      document.errors.push(...part.errors);
    }
    node.items = items.concat(node.items) as never[];
  }
  return document;
}

/**
 * Takes all but the last items of long collections out of a token, as collections of their own. That changes nothing: positions are in the
 * tokens, keys need not be unique, and aliases are resolved later.
 */
function divide(token: CST.Token | null | undefined, divisions: Map<unknown, Divided>): void {
  if (!isCollectionToken(token)) return;
  if (token.items.length > itemsAtOnce && isRegular(token)) {
    const { offset } = token;
    const parts: Collection[] = [];
    const all = token.items as CST.CollectionItem[];
    for (let from = 0; from < all.length; from += itemsAtOnce) {
      const items = all.slice(from, from + itemsAtOnce);
      const [first] = items as [CST.CollectionItem];
      // A comma begins each item of a flow collection but the first.
      first.start = first.start.filter(token => !isComma(token));
      parts.push({ ...token, items, offset: (from > 0 && offsetOf(first)) || offset } as Collection);
    }
    Object.assign(token, parts.pop());
    divisions.set(token, { offset, parts });
  }
  for (const { key, value } of token.items) {
    divide(key, divisions);
    divide(value, divisions);
  }
}

/** The offset at which an item begins, which must not be far before its key. */
function offsetOf({ start, key, sep, value }: CST.CollectionItem): number | undefined {
  return (start[0] ?? key ?? sep?.[0] ?? value)?.offset;
}

function isCollectionToken(token: CST.Token | null | undefined): token is Collection {
  return token?.type === 'block-map' || token?.type === 'block-seq' || token?.type === 'flow-collection';
}

/** Whether commas divide the items. If not, the collection is composed as a whole, with its errors. */
function isRegular({ type, items }: Collection): boolean {
  if (type !== 'flow-collection') return true;
  return items.every(({ start, key, sep, value }, index) => {
    const isEmpty = !key && !sep && !value;
    return (index === 0 || start.some(isComma)) && (!isEmpty || index === items.length - 1);
  });
}

function isComma({ type }: CST.SourceToken): boolean {
  return type === 'comma';
}

/** The parser's messages may end with the invalid input, after a colon or as an escape sequence. */
function withoutText(message: string): string {
  return message.replace(/: .*$/s, '').replace(/^(Invalid escape sequence) .*$/s, '$1');
}
