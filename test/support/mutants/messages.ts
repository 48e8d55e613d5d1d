import type { Ignorer, NodePath } from '@stryker-mutator/api/ignore';

/** The part of Babel's path of a node that is read here. */
interface Path {
  readonly node: Node;
  readonly parentPath: Path | null;
}

interface Node {
  readonly type: string;
  readonly value?: unknown;
  readonly quasis?: readonly { readonly value: { readonly raw: string } }[];
  readonly callee?: Node;
  readonly property?: Node;
  readonly name?: string;
  readonly key?: Node;
}

/** Words that only sentences have: no header field, media type, path or list of names has one between spaces. */
const wordOfSentence =
  /(^|[\s(])(a|an|the|is|are|was|has|have|must|may|cannot|needs|not|no|of|or|and|with|without|in|at|by|for|than|that|to|from)(?=\s|$)/;

/** The reason why a mutant is left out. */
export const textOfMessage = 'the text of a message';

const errorClass = /(Error|Rejection)$/;
const logLevel = /^(debug|info|warn|error|fatal)$/;

/**
 * Leaves out the texts of messages: sentences, all texts in the arguments of errors and in those of a log's methods, and texts of help.
 * What they say is for people; a test that compares them would only repeat them.
 */
export const messages: Ignorer = {
  shouldIgnore(path: NodePath) {
    const { node, parentPath } = path as Path;
    const text = textOf(node);
    if (text === undefined) return undefined;
    return wordOfSentence.test(text) || isPartOfMessage(parentPath) ? textOfMessage : undefined;
  },
};

function textOf({ type, value, quasis = [] }: Node): string | undefined {
  if (type === 'StringLiteral') return String(value);
  return type === 'TemplateLiteral' ? quasis.map(quasi => quasi.value.raw).join('…') : undefined;
}

function isPartOfMessage(path: Path | null): boolean {
  if (path === null) return false;
  const { type, callee, key } = path.node;
  if (type === 'NewExpression') return errorClass.test(callee?.name ?? '');
  if (type === 'CallExpression') return logLevel.test(callee?.property?.name ?? '');
  if (type === 'ObjectProperty') return key?.name === 'help';
  const isOperator = /^(BinaryExpression|ConditionalExpression|LogicalExpression|TemplateLiteral)$/.test(
    type,
  );
  return isOperator && isPartOfMessage(path.parentPath);
}
