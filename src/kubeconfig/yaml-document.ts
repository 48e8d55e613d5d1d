import { type Document, LineCounter, type Node, parseAllDocuments } from 'yaml';

/** The first document of a YAML (or JSON) file. */
export interface YamlDocument {
  readonly document: Document.Parsed;
  /** The document as plain values, with aliases and merge keys resolved; null if the file is empty. */
  readonly value: unknown;
  /** `FILE:LINE` of a node, or of the document's start. */
  at(node: Pick<Node, 'range'> | null | undefined): string;
}

/** How many aliases a file may have, including nested ones. A file with more is treated as an alias bomb. */
const maxAliasCount = 1000;

/**
 * Parses YAML as go-yaml does: merge keys work, and the last of two equal keys is used. A problem names the file and line, and quotes no
 * part of the file, which may be secret.
 */
export function parseYaml(
  file: string,
  text: string,
): YamlDocument | { readonly problems: readonly [string] } {
  const lineCounter = new LineCounter();
  const lineOf = (offset: number): string => `${file}:${lineCounter.linePos(offset).line}`;
  const options = {
    lineCounter,
    prettyErrors: false,
    uniqueKeys: false,
    merge: true,
    logLevel: 'error',
  } as const;
  const [document] = parseAllDocuments(text, options);
  if (document === undefined || 'empty' in document) return parseYaml(file, 'null');
  const [error] = document.errors;
  if (error !== undefined) return { problems: [`${lineOf(error.pos[0])}: ${withoutText(error.message)}`] };
  try {
    return { document, value: document.toJS({ maxAliasCount }), at: node => lineOf(node?.range?.[0] ?? 0) };
  } catch (failure) {
    const message = failure instanceof Error ? failure.message : 'not YAML';
    return { problems: [`${lineOf(document.range[0])}: ${withoutText(message)}`] };
  }
}

/** The parser's messages may end with the invalid input, after a colon or as an escape sequence. */
function withoutText(message: string): string {
  return message.replace(/: .*$/s, '').replace(/^(Invalid escape sequence) .*$/s, '$1');
}
