import { maxFields } from '../../http/header-fields.js';

/** A response cannot be parsed: its bytes are not HTTP/1.1, or its head is too large. */
export class ResponseError extends Error {
  override readonly name = 'ResponseError';

  readonly code: 'MALFORMED_RESPONSE' | 'RESPONSE_HEADERS_TOO_LARGE' | 'TOO_MANY_RESPONSE_HEADERS';

  constructor(code: ResponseError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export function malformed(what: string): ResponseError {
  return new ResponseError('MALFORMED_RESPONSE', `${what} is not HTTP/1.1`);
}

export const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/.source;
const fieldName = new RegExp(`^${token}$`);
/** Characters that a head must not contain. Line ends are checked elsewhere (RFC 9110, section 5.5). */
export const illegal = /[^\t\r\n\x20-\x7e\x80-\xff]/;
/** A bare CR or LF. A recipient may reject it (RFC 9112, section 2.2). */
export const lineBreak = /[\r\n]/;

/** Splits a head into its lines. Throws a ResponseError if it contains a control character. */
export function splitLines(text: string): string[] {
  if (illegal.test(text)) throw malformed('a control character in a head');
  return text.split('\r\n');
}

/**
 * Parses the header fields in `lines`, beginning at index `from`. Returns name, value, name, value, …. Throws a ResponseError for a line
 * that is not a field, such as a folded line, and for too many fields.
 */
export function parseFields(lines: readonly string[], from: number): string[] {
  if (lines.length - from > maxFields)
    throw new ResponseError('TOO_MANY_RESPONSE_HEADERS', 'the answer has too many header fields');
  const fields: string[] = [];
  for (let index = from; index < lines.length; index++) {
    const line = lines[index] as string;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    const value = withoutSpace(line, colon + 1);
    if (!fieldName.test(name) || lineBreak.test(value)) throw malformed('a header field');
    fields.push(name, value);
  }
  return fields;
}

/** The rest of the line after index `from`, without spaces and tabs at both ends. */
function withoutSpace(line: string, from: number): string {
  let start = from;
  let end = line.length;
  while (start < end && isSpace(line.charCodeAt(start))) start++;
  while (end > start && isSpace(line.charCodeAt(end - 1))) end--;
  return line.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
