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
} from 'yaml';

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

/** How deeply collections may be nested. To read a file with thousands of levels takes seconds. */
const mostLevels = 100;

/** How many aliases a file may have, including nested ones. A file with more is treated as an alias bomb. */
const maxAliasCount = 1000;
/** How much a file may have. */
export interface YamlLimits {
  /**
   * Pieces of text that it may be divided into: scalars, punctuation, line breaks, indentation; and lines. A kubeconfig with 1,000 contexts
   * has some 100,000 pieces. To read a file takes at most 300 MB of memory so: some 500 bytes a piece, and 1.7 KB a collection.
   */
  readonly pieces: number;
  /** Aliases in the text. The time to resolve them grows with their square. */
  readonly aliases: number;
}

const defaultLimits: YamlLimits = { pieces: 400_000, aliases: Number.POSITIVE_INFINITY };
/** How many characters one of them may have. To read a longer value takes 40 times its size. */
const longestLexeme = 1024 * 1024;

/**
 * Parses YAML as go-yaml does: merge keys work, `yes` is a boolean, and the last of two equal keys is used. A problem names the file and line, and quotes no
 * part of the file, which may be secret.
 */
export function parseYaml(
  file: string,
  text: string,
  limits = defaultLimits,
): YamlDocument | { readonly problems: readonly [string] } {
  const lineCounter = new LineCounter();
  const lineOf = (offset: number): string => `${file}:${lineCounter.linePos(offset).line}`;
  const tokens = readTokens(text, lineCounter, limits);
  if ('excess' in tokens) return { problems: [`${lineOf(tokens.offset)}: more than ${tokens.excess}`] };
  const document = new Composer(options).compose(tokens, true, 0).next().value as Document.Parsed;
  const [error] = document.errors.toSorted((one, other) => one.pos[0] - other.pos[0]);
  if (error !== undefined) return { problems: [`${lineOf(error.pos[0])}: ${withoutText(error.message)}`] };
  const key = collectionAsKey(document);
  if (key !== undefined)
    return { problems: [`${lineOf(key.range?.[0] ?? 0)}: a key that is a list or a map`] };
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

/** Where a file has too much of something, and of what. */
interface Excess {
  readonly offset: number;
  readonly excess: string;
}

/** The tokens of the first document, and those around it. */
function readTokens(
  text: string,
  lineCounter: LineCounter,
  { pieces, aliases }: YamlLimits,
): readonly CST.Token[] | Excess {
  const parser = new Parser(lineCounter.addNewLine);
  lineCounter.addNewLine(0);
  const tokens: CST.Token[] = [];
  let count = 0;
  let aliasCount = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme.length > longestLexeme) return { offset: parser.offset, excess: '1 MB in one value' };
    tokens.push(...parser.next(lexeme));
    // The first error counts. A file of brackets has hundreds of thousands, which would take seconds.
    if (tokens.at(-1)?.type === 'error') break;
    // A collection in brackets takes as much memory as three pieces, and may have no more than two.
    count += lexeme === '[' || lexeme === '{' ? 2 : 1;
    if (count > pieces || lineCounter.lineStarts.length > pieces)
      return { offset: parser.offset, excess: `${pieces} pieces of text or lines` };
    if (lexeme.startsWith('*')) aliasCount += 1;
    if (aliasCount > aliases) return { offset: parser.offset, excess: `${aliases} aliases` };
    // The stack has the document, the open collections, and sometimes a scalar that is being read.
    const { stack } = parser;
    if (stack.length > mostLevels + 1 && stack.filter(opensCollection).length > mostLevels)
      return { offset: parser.offset, excess: `${mostLevels} levels` };
  }
  tokens.push(...parser.end());
  const documents = tokens.flatMap(({ type }, index) => (type === 'document' ? [index] : []));
  return tokens.slice(0, documents[1]);
}

/**
 * The first key that is no scalar, which go-yaml takes neither. The library makes a text of each, so that a file of 0.5 MB with such keys in
 * such keys would take minutes.
 */
function collectionAsKey(document: Document.Parsed): Node | undefined {
  let found: Node | undefined;
  visit(document, {
    Pair(_, { key }) {
      if (!isCollection(key)) return undefined;
      found = key;
      return visit.BREAK;
    },
  });
  return found;
}

function opensCollection({ type }: CST.Token): boolean {
  return type === 'block-map' || type === 'block-seq' || type === 'flow-collection';
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
} as const;

/** The parser's messages may end with the invalid input, after a colon or as an escape sequence. */
function withoutText(message: string): string {
  return message.replace(/: .*$/s, '').replace(/^(Invalid escape sequence) .*$/s, '$1');
}
