import type { RequestHead } from '../http/request-head.js';

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
