import { percentDecoded } from '../http/percent-encoding.js';
import { utf8Text } from '../http/utf8.js';
import { hasTooManyParameters, mostParameters } from '../kubernetes/query.js';

/** A request target in origin-form (RFC 9112, section 3.2.1), as sent and as the API server reads it. */
export interface RequestTarget {
  /** Path and query as sent. They go upstream unchanged. */
  readonly raw: string;
  /** Path as sent, still percent-encoded. */
  readonly rawPath: string;
  /**
   * Path decoded once. This is net/http's `URL.Path`, on which the API server acts. Each byte that is not UTF-8 becomes U+FFFD, as Go's
   * regexp reads it. Empty if the target is ambiguous.
   */
  readonly path: string;
  /** Query as sent, without its question mark; empty if there is none. */
  readonly query: string;
  /** Why two programs could read the target differently; undefined if they could not. */
  readonly ambiguity: string | undefined;
}

/** Characters and segments that need a closer check. Most paths contain none of them. */
const unusual = /[%\\#]|\/\.{1,2}(?:\/|$)|[^!-~]/;
const dotSegment = /(?:^|[/\\])\.{1,2}(?:[/\\]|$)/;
const badEscape = /%(?![0-9a-fA-F]{2})/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression searches for them
const control = /[\x00-\x1f\x7f]/;

/** Splits a request target and decodes its path. Never throws: `ambiguity` says why a target has more than one reading. */
export function parseRequestTarget(raw: string): RequestTarget {
  const mark = raw.indexOf('?');
  const rawPath = mark === -1 ? raw : raw.slice(0, mark);
  const query = mark === -1 ? '' : raw.slice(mark + 1);
  const ofQuery = hasTooManyParameters(query)
    ? `the query has more than ${mostParameters} parameters; some API servers then ignore all of them`
    : undefined;
  if (ofQuery === undefined && rawPath.charCodeAt(0) === 0x2f && !unusual.test(rawPath)) {
    return { raw, rawPath, path: rawPath, query, ambiguity: undefined };
  }
  const ambiguity = ofQuery ?? ambiguityAsSent(rawPath);
  const path = ambiguity === undefined ? utf8Text(percentDecoded(rawPath).toString('latin1')) : '';
  const decoded = ambiguity ?? ambiguityDecoded(path);
  return { raw, rawPath, path: decoded === undefined ? path : '', query, ambiguity: decoded };
}

function ambiguityAsSent(rawPath: string): string | undefined {
  if (rawPath.charCodeAt(0) !== 0x2f)
    return 'the request target is not a path; send it as in "GET /api HTTP/1.1"';
  if (rawPath.includes('\\')) return 'the path contains a backslash; send it as %5C';
  if (rawPath.includes('#')) return 'the path contains a fragment; send # as %23';
  if (badEscape.test(rawPath))
    return 'the path contains a % without two hexadecimal digits after it; send it as %25';
  return undefined;
}

function ambiguityDecoded(path: string): string | undefined {
  if (control.test(path)) return 'the path contains a control character';
  if (dotSegment.test(path))
    return 'the path contains a "." or ".." segment; send the path that it stands for';
  return undefined;
}
