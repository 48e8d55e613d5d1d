import type { RawHeaders } from '../../http/header-fields.js';
import { decodedPair, isTrue, mostParameters, parseQuery } from '../../kubernetes/query.js';
import { parseDuration } from '../../lib/value-type.js';
import { sharedAccept } from './sharable-headers.js';
import { compareVersions, parseVersion } from './watch-event.js';

/** The parts of a watch request that decide with which watches it can share, and which events it gets. */
export interface SharableWatch {
  readonly accept: string;
  /** The version after which it begins; undefined if it begins with the initial events (KEP-3157). */
  readonly version: string | undefined;
  /** The query without `ownParameters`. The other pairs are as sent, in their order. */
  readonly query: string;
  /** Whether the client gets bookmarks. */
  readonly bookmarks: boolean;
  /** Milliseconds until the watch ends; undefined for a random time. For the API server, 0 means a random time too. */
  readonly timeout: number | undefined;
}

/** Parameters that may differ between the clients of a shared watch. */
const ownParameters: ReadonlySet<string> = new Set([
  'timeout',
  'timeoutSeconds',
  'resourceVersion',
  'resourceVersionMatch',
  'sendInitialEvents',
  'allowWatchBookmarks',
]);
/** Parameters that make an error (apimachinery `internalversion/validation`): a watch has no pages. */
const ofPages: ReadonlySet<string> = new Set(['limit', 'continue']);
/**
 * The largest int64, and so the largest revision of etcd. The API server parses a version as a uint64 (apiserver `storage`,
 * `APIObjectVersioner.ParseResourceVersion`), but a larger one overflows in its watch of etcd: 2^64 - 1 may begin "from now".
 */
const largestVersion = '9223372036854775807';
/** The parameters that a shared watch adds to its query. */
const addedParameters = 2;
/** The longest timer in Node, in seconds: 24 days. */
const longestTimeout = 2_147_483;

/**
 * Reads what a watch with this query and these headers asks for. Returns undefined if it cannot be shared. A watch that the API server
 * might reject, or read in another way, is not shared, so that the API server answers it itself. The caller must check method, path and
 * body.
 *
 * @param asked Raw query string, without `?`.
 * @param rawHeaders As the client sent them, but with only those credentials that go to the API server; a watch with such a credential
 * cannot be shared.
 */
export function sharableWatch(asked: string, rawHeaders: RawHeaders): SharableWatch | undefined {
  const own = new Map<string, string>();
  const rest: string[] = [];
  for (const text of asked.split('&')) {
    if (text === '') continue;
    const pair = decodedPair(text);
    // Go ignores a broken pair; other servers may not.
    if (pair === undefined || ofPages.has(pair.name) || own.has(pair.name)) return undefined;
    const { name, value } = pair;
    if (ownParameters.has(name)) own.set(name, value);
    else rest.push(text);
  }
  const bookmarks = isTrue(own.get('allowWatchBookmarks'));
  const query = rest.join('&');
  const beginning = beginningOf(own, bookmarks, query);
  const timeout = seconds(own.get('timeoutSeconds') ?? '0');
  if (beginning === undefined || timeout === undefined) return undefined;
  // client-go's typed clients send it, and kubectl its `--request-timeout`. It ends no watch (apiserver `endpoints/handlers/get.go`).
  if (parseDuration(own.get('timeout') ?? '0') === undefined) return undefined;
  if (rest.length + addedParameters > mostParameters) return undefined;
  const accept = sharedAccept(rawHeaders);
  if (accept === undefined) return undefined;
  return { ...beginning, query, bookmarks, timeout: timeout === 0 ? undefined : timeout * 1000, accept };
}

/**
 * Where a watch with these parameters begins; undefined if it cannot be shared. Initial events need a bookmark that ends them, and an object
 * in it that says so. They may begin without a version, from 0 or from a number, with the meaning that the API server gives to it.
 */
function beginningOf(
  own: ReadonlyMap<string, string>,
  bookmarks: boolean,
  query: string,
): Pick<SharableWatch, 'version'> | undefined {
  const asked = own.get('resourceVersion') ?? '';
  const version = parseVersion(asked);
  if (version !== undefined && compareVersions(version, largestVersion) > 0) return undefined;
  const match = own.get('resourceVersionMatch');
  const sends = own.get('sendInitialEvents');
  if (match === undefined && sends === undefined) return version === undefined ? undefined : { version };
  const areShared =
    match === 'NotOlderThan' &&
    sends === 'true' &&
    bookmarks &&
    parseQuery(query).get('includeObject')?.[0] !== 'None' &&
    (version !== undefined || asked === '' || asked === '0');
  return areShared ? { version: undefined } : undefined;
}

/** Parses whole seconds; undefined for any other string. */
function seconds(text: string): number | undefined {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  return value <= longestTimeout ? value : undefined;
}
