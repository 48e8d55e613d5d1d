/** What a watch asks for, as far as it decides with which other watches it shares, and what it gets of theirs. */
export interface SharableWatch {
  /** The query without resourceVersion, timeoutSeconds and allowWatchBookmarks: the other pairs as sent, in their order. */
  readonly query: string;
  /** Parsed resourceVersion: the watch gets the events after it. */
  readonly version: string;
  /** Whether it gets bookmarks. */
  readonly bookmarks: boolean;
  /** Milliseconds until it ends; undefined for a random time, which 0 means as well at the API server. */
  readonly timeout: number | undefined;
  /** The Accept field; empty without one. */
  readonly accept: string;
  /** The Accept-Encoding field; empty without one. */
  readonly acceptEncoding: string;
}

/**
 * What a watch with this query and these headers asks for; undefined if it cannot share.
 *
 * @param query Raw query string, without `?`.
 * @param rawHeaders Name, value, name, value, … as the client sent them, without credentials that were for this program.
 */
export function sharableWatch(_query: string, _rawHeaders: readonly string[]): SharableWatch | undefined {
  return undefined;
}
