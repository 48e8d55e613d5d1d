import type { RE2JS } from 're2js';
import type { RequestHead } from '../http/request-head.js';
import { compileRe2 } from '../lib/re2.js';
import type { ValueType } from '../lib/value-type.js';
import { compileList, type Matcher, type RegexpList } from './regexp-list.js';

/** One origin as serialized by RFC 6454, section 6.2: no `null`, no list, no path. */
const serializedOrigin = /^[a-z][a-z0-9+.-]*:\/\/[^\s/\\?#@,]+$/i;
/** What may precede a match: nothing, or the beginning of the origin, at most up to `://`; no part of the host. */
const beforeHost = /^(?:[a-z][a-z0-9+.-]*(?::\/{0,2})?)?$/i;

/** Whether a text is one origin, as browsers send it. */
export function isSerializedOrigin(text: string): boolean {
  return serializedOrigin.test(text);
}

const unpinned =
  "does not pin both ends of the host in the Origin; write it like '^https://app\\.example$' or '//app\\.example(:|$)'";

/**
 * Plain characters without a scheme; or pages of files, or an origin and a path, at the beginning. It finds the usual mistakes, not every
 * expression that can match no origin.
 */
const noOrigin =
  /^\^(?:[\w:-]|\.(?!\.)|\\[.d-]\+?)*\$?$|^\^?(?:file:\/\/(?:\/|\$?$)|[a-z][a-z0-9+?-]*:\/\/(?:[\w.:-]|\\[.-])+\/(?![?*{]))/i;

const unmatchable =
  'can never match: an origin is a scheme and a host, without a path, such as https://app.example; pages of files, ' +
  'and sandboxed ones, have none';

function findsHost(expression: RE2JS, origin: string): boolean {
  const found = expression.matcher(origin);
  if (!found.find()) return false;
  const end = found.end();
  const rest = origin.slice(end);
  return (
    beforeHost.test(origin.slice(0, found.start())) &&
    (/^(?::\d+)?$/.test(rest) || (origin[end - 1] === ':' && /^\d+$/.test(rest)))
  );
}

/**
 * An option's comma-separated list of Go regular expressions for origins of web pages, as for the API server's flag: they match anywhere in
 * the Origin, with case, and each must pin both ends of the host (`^` or `//`, and `$` or `:`). The API server does not check more, so there
 * `^https://app.example` lets `https://app.example.evil.example` in. Here a match must also cover the whole host, and an
 * expression that can match no origin is a problem.
 */
export const originList: ValueType<RegexpList> = {
  placeholder: 'REGEXPS',
  separator: ',',
  parse: (source, where) => compileList(source, where, compileOrigin),
};

/** The origins of `--cors-allowed-origins`. */
export type AllowedOrigins = Pick<RegexpList, 'matches'>;

function compileOrigin(expression: string): Matcher | string {
  if (!/\^|\/\//.test(expression) || !/[$:]/.test(expression)) return unpinned;
  const compiled = compileRe2(expression);
  if (noOrigin.test(expression) && !expression.includes('|')) return unmatchable;
  return origin => isSerializedOrigin(origin) && findsHost(compiled, origin);
}

/** One absolute URL, and its part before the path. Two Referer fields, which are joined by a comma and a space, are none. */
const referringUrl = /^([^:/?#\s]+:\/\/[^/?#\s]*)(?:[/?#]\S*)?$/;

/**
 * The origin that a request names for `--cors-allowed-origins`: its Origin or, for a plain GET without one, that of its Referer (RFC 9110,
 * section 10.1.3). Browsers send no Origin with frames, images, downloads and links. Undefined if there is neither. The text is as the
 * browser wrote it, and need not be an origin: the list of allowed origins rejects what is none.
 *
 * A Referer says less than an Origin: a page sends it for every image that a visitor has put there. So it never counts for a write or an
 * upgrade.
 */
export function pageOrigin({ method, isUpgrade, origin, referer = '' }: RequestHead): string | undefined {
  if (origin !== undefined || method !== 'GET' || isUpgrade) return origin;
  return referringUrl.exec(referer)?.[1];
}
