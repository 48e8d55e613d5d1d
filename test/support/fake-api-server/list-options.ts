import { isTrue } from './request-attributes.js';
import { StatusFailure } from './status-failure.js';

/** How a watch begins, and what it gets besides changes. */
export interface WatchOptions {
  /** Whether the current objects come first, as ADDED events. */
  readonly initial: boolean;
  readonly bookmarks: boolean;
}

const notOlderThan = 'NotOlderThan';
const exact = 'Exact';
const field = 'resourceVersionMatch';

/** What is wrong with a field of ListOptions. */
interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

function forbidden(why: string, name = field): Cause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field: name };
}

function unsupported(value: string, supported: readonly string[]): Cause {
  const values = supported.map(one => JSON.stringify(one)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${values}`;
  return { reason: 'FieldValueNotSupported', message, field };
}

/** Throws a 422 that names all causes, if there is one. */
function rejectFor(causes: readonly Cause[]): void {
  if (causes.length === 0) return;
  const texts = causes.map(cause => `${cause.field}: ${cause.message}`);
  const all = texts.length === 1 ? texts.join() : `[${texts.join(', ')}]`;
  const message = `ListOptions.meta.k8s.io "" is invalid: ${all}`;
  throw new StatusFailure(422, 'Invalid', message, { group: 'meta.k8s.io', kind: 'ListOptions', causes });
}

/** Reads the options of a watch, with their defaults. Throws a 422 for what the API server rejects (internalversion/validation). */
export function readWatchOptions(query: URLSearchParams): WatchOptions {
  const bookmarks = isTrue(query.get('allowWatchBookmarks'));
  const match = query.get(field) ?? '';
  const asked = query.has('sendInitialEvents');
  // SetListOptionsDefaults: a watch from no version, or from version 0, begins with the objects.
  if (!asked && match === '' && ['', '0'].includes(query.get('resourceVersion') ?? '')) {
    return { initial: true, bookmarks };
  }
  const causes: Cause[] = [];
  if (asked && match !== notOlderThan) {
    causes.push(forbidden(`sendInitialEvents requires setting resourceVersionMatch to ${notOlderThan}`));
  }
  if (match !== '') {
    if (!asked)
      causes.push(
        forbidden('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
      );
    if (match !== notOlderThan) causes.push(unsupported(match, [notOlderThan]));
    if (query.get('continue')) causes.push(continued);
  }
  rejectFor(causes);
  return { initial: isTrue(query.get('sendInitialEvents')), bookmarks };
}

const continued = forbidden('resourceVersionMatch is forbidden when continue is provided');

/** Throws a 422 for options that no list may have. */
export function checkListOptions(query: URLSearchParams): void {
  const match = query.get(field) ?? '';
  const version = query.get('resourceVersion') ?? '';
  const causes: Cause[] = [];
  if (match !== '') {
    if (version === '')
      causes.push(forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided'));
    if (query.get('continue')) causes.push(continued);
    if (match !== exact && match !== notOlderThan) causes.push(unsupported(match, [exact, notOlderThan, '']));
    if (match === exact && version === '0')
      causes.push(forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (query.has('sendInitialEvents'))
    causes.push(forbidden('sendInitialEvents is forbidden for list', 'sendInitialEvents'));
  rejectFor(causes);
}
