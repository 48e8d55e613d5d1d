import { percentDecoded } from '../http/percent-encoding.js';

/** A request target in origin-form (RFC 9112, section 3.2.1), as sent and as the API server reads it. */
export interface RequestTarget {
  /** Path and query as sent: what goes upstream. */
  readonly raw: string;
  /** Path as sent, percent-encoding and all. */
  readonly rawPath: string;
  /**
   * Path decoded once, which is what net/http's `URL.Path` holds and the API server acts on; what is not UTF-8 is U+FFFD, as it is for
   * Go's regexp. Empty when ambiguous.
   */
  readonly path: string;
  /** Query as sent, without its question mark; empty when there is none. */
  readonly query: string;
  /** Why two programs could read the target differently; undefined for all but such targets. */
  readonly ambiguity: string | undefined;
}

/** What needs a closer check; most paths have none of it. */
const unusual = /[%\\#]|\/\.{1,2}(?:\/|$)|[^!-~]/;
const dotSegment = /(?:^|[/\\])\.{1,2}(?:[/\\]|$)/;
const badEscape = /%(?![0-9a-fA-F]{2})/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression searches for them
const control = /[\x00-\x1f\x7f]/;

/** Splits a request target and decodes its path. Never fails: what has more than one reading says so. */
export function parseRequestTarget(raw: string): RequestTarget {
  const mark = raw.indexOf('?');
  const rawPath = mark === -1 ? raw : raw.slice(0, mark);
  const query = mark === -1 ? '' : raw.slice(mark + 1);
  if (rawPath.charCodeAt(0) === 0x2f && !unusual.test(rawPath)) {
    return { raw, rawPath, path: rawPath, query, ambiguity: undefined };
  }
  const ambiguity = ambiguityAsSent(rawPath);
  const path = ambiguity === undefined ? percentDecoded(rawPath).toString() : '';
  const decoded = ambiguity ?? ambiguityDecoded(path);
  return { raw, rawPath, path: decoded === undefined ? path : '', query, ambiguity: decoded };
}

function ambiguityAsSent(rawPath: string): string | undefined {
  if (rawPath.charCodeAt(0) !== 0x2f)
    return 'the request target is not a path; send it as in "GET /api HTTP/1.1"';
  if (rawPath.includes('\\')) return 'the path holds a backslash; send it as %5C';
  if (rawPath.includes('#')) return 'the path holds a fragment; send # as %23';
  if (badEscape.test(rawPath))
    return 'the path holds a % without two hexadecimal digits after it; send it as %25';
  return undefined;
}

function ambiguityDecoded(path: string): string | undefined {
  if (control.test(path)) return 'the path holds a control character';
  if (dotSegment.test(path)) return 'the path holds a "." or ".." segment; send the path that it stands for';
  return undefined;
}
