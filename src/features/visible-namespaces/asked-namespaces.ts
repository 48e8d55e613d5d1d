import { fieldValue, type RawHeaders } from '../../http/header-fields.js';
import { decodedPair, isTrue } from '../../kubernetes/query.js';

/** What a client's list or watch of namespaces asks for, and how the gateway asks for the same. */
export interface AskedNamespaces {
  readonly isWatch: boolean;
  /** The selector of labels, and what else is as sent: the part of the query that the gateway sends too. */
  readonly selection: string;
  /** Decoded; empty if there is none. */
  readonly fieldSelector: string;
  /** Whether it has a selector, of labels or of fields. */
  readonly selectsSome: boolean;
  /** The version that it names; empty if it names none. */
  readonly version: string;
  /** `resourceVersion` and `resourceVersionMatch` as sent, for a list. */
  readonly versionQuery: string;
  /** Whether it goes on with a list that was answered in pages. */
  readonly continues: boolean;
  /** Whether a watch begins with all objects and a bookmark (KEP-3157). */
  readonly sendsInitialEvents: boolean;
  readonly wantsBookmarks: boolean;
  /** The parts of Accept that are JSON; undefined if the client takes none. */
  readonly accept: string | undefined;
  /** Whether the rows of a Table come without their objects. The gateway needs them. */
  readonly withoutObjects: boolean;
}

/** What the gateway says in its own way. */
const own: ReadonlySet<string> = new Set([
  ...['watch', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch'],
  ...['sendInitialEvents', 'allowWatchBookmarks', 'includeObject', 'timeout', 'fieldSelector'],
]);

/**
 * Reads what is asked for, each parameter as the API server does: the first value counts, and a pair that it cannot decode does not.
 *
 * @param query Raw, without its question mark.
 */
export function readAskedNamespaces(isWatch: boolean, query: string, headers: RawHeaders): AskedNamespaces {
  const values = new Map<string, string>();
  const selection: string[] = [];
  const versionQuery: string[] = [];
  for (const text of query.split('&')) {
    const pair = text === '' ? undefined : decodedPair(text);
    if (pair === undefined) continue;
    if (!values.has(pair.name)) values.set(pair.name, pair.value);
    if (!own.has(pair.name)) selection.push(text);
    if (pair.name.startsWith('resourceVersion')) versionQuery.push(text);
  }
  const withoutObjects = values.get('includeObject') === 'None';
  const includeObject = withoutObjects ? 'Metadata' : values.get('includeObject');
  if (includeObject !== undefined) selection.push(`includeObject=${encodeURIComponent(includeObject)}`);
  const fieldSelector = values.get('fieldSelector') ?? '';
  return {
    isWatch,
    selection: selection.join('&'),
    fieldSelector,
    selectsSome: `${fieldSelector}${values.get('labelSelector') ?? ''}` !== '',
    version: values.get('resourceVersion') ?? '',
    versionQuery: versionQuery.join('&'),
    continues: (values.get('continue') ?? '') !== '',
    sendsInitialEvents: isTrue(values.get('sendInitialEvents')),
    wantsBookmarks: isTrue(values.get('allowWatchBookmarks')),
    accept: jsonOf(fieldValue(headers, 'accept') ?? ''),
    withoutObjects,
  };
}

/** The media ranges of an Accept field that JSON can answer, as sent and in their order. */
function jsonOf(accept: string): string | undefined {
  if (accept.trim() === '') return 'application/json';
  const ranges = accept.split(',').filter(range => {
    const [type = ''] = range.split(';', 1);
    return ['application/json', 'application/*', '*/*'].includes(type.trim().toLowerCase());
  });
  return ranges.length === 0 ? undefined : ranges.join(',').trim();
}
