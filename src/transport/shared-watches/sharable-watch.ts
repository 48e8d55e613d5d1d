import { fieldValue, type RawHeaders } from '../../http/header-fields.js';
import { queryPairs } from '../../kubernetes/query.js';
import { parseVersion } from './resource-version.js';
import { sharableHeaders } from './sharable-headers.js';

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

/** What belongs to one client of a shared watch. */
const ownParameters: ReadonlySet<string> = new Set([
  'resourceVersion',
  'timeoutSeconds',
  'allowWatchBookmarks',
]);
/** What makes it another kind of watch, or an error (apimachinery `internalversion/validation`); a watch has no pages. */
const otherWatches: ReadonlySet<string> = new Set([
  'sendInitialEvents',
  'resourceVersionMatch',
  'limit',
  'continue',
]);
/** The longest that a timer of Node lasts, in seconds: 24 days. */
const longestTimeout = 2_147_483;

/**
 * What a watch with this query and these headers asks for; undefined if it cannot share. Whatever the API server might refuse or read in
 * another way stays unshared, so that it answers itself. The method, the path and the body are the caller's matter.
 *
 * @param query Raw query string, without `?`.
 * @param rawHeaders As the client sent them; of credentials only those that go upstream, which nobody can share.
 */
export function sharableWatch(query: string, rawHeaders: RawHeaders): SharableWatch | undefined {
  const own = new Map<string, string>();
  const rest: string[] = [];
  for (const { text, name, value } of queryPairs(query)) {
    // Go leaves out what is broken, others may not.
    if (name === undefined || otherWatches.has(name) || own.has(name)) return undefined;
    if (ownParameters.has(name)) own.set(name, value);
    else rest.push(text);
  }
  const version = parseVersion(own.get('resourceVersion') ?? '');
  const timeout = seconds(own.get('timeoutSeconds') ?? '0');
  const accept = fieldValue(rawHeaders, 'accept') ?? '';
  if (version === undefined || timeout === undefined) return undefined;
  if (!sharableHeaders(rawHeaders) || !acceptsSharedFormat(accept)) return undefined;
  return {
    query: rest.join('&'),
    version,
    bookmarks: isTrue(own.get('allowWatchBookmarks')),
    timeout: timeout === 0 ? undefined : timeout * 1000,
    accept,
    acceptEncoding: fieldValue(rawHeaders, 'accept-encoding') ?? '',
  };
}

/** Whole seconds; undefined for any other text. */
function seconds(text: string): number | undefined {
  const value = /^[0-9]+$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
  return value <= longestTimeout ? value : undefined;
}

/** As apimachinery's `Convert_Slice_string_To_bool`: an empty value is true. Its EqualFold compares without case, as `iu` does. */
function isTrue(value: string | undefined): boolean {
  return value !== undefined && value !== '0' && !/^false$/iu.test(value);
}

const sharedFormats: ReadonlySet<string> = new Set([
  'application/json',
  'application/vnd.kubernetes.protobuf',
  'application/*',
  '*/*',
]);
const otherFormats: ReadonlySet<string> = new Set([
  'application/cbor',
  'application/cbor-seq',
  'application/yaml',
]);

/** A guess at what the API server will choose, to spare it a watch that nobody can share: the response says what it has chosen. */
function acceptsSharedFormat(accept: string): boolean {
  if (accept === '') return true;
  const formats = accept.split(',').map(range => range.replace(/;.*/s, '').trim().toLowerCase());
  const format = formats.find(type => sharedFormats.has(type) || otherFormats.has(type));
  return format !== undefined && sharedFormats.has(format);
}
