import { isTrue } from './request-attributes.js';
import { StatusFailure } from './status-failure.js';

/** How a watch begins, and what it gets besides changes. */
export interface WatchOptions {
  /** Whether the current objects come first, as ADDED events. */
  readonly initial: boolean;
  readonly bookmarks: boolean;
}

const field = 'resourceVersionMatch';
const why = 'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';

/** Reads the options of a watch, with their defaults. Throws a 422 for initial events without the match that they need, or of a page. */
export function readWatchOptions(query: URLSearchParams): WatchOptions {
  const bookmarks = isTrue(query.get('allowWatchBookmarks'));
  const match = query.get(field) ?? '';
  if (!query.has('sendInitialEvents')) {
    // SetListOptionsDefaults: a watch from no version, or from version 0, begins with the objects.
    return { initial: match === '' && ['', '0'].includes(query.get('resourceVersion') ?? ''), bookmarks };
  }
  if (match !== 'NotOlderThan' || query.has('continue')) {
    const causes = [{ reason: 'FieldValueForbidden', message: why, field }];
    const message = `ListOptions.meta.k8s.io "" is invalid: ${field}: ${why}`;
    throw new StatusFailure(422, 'Invalid', message, { group: 'meta.k8s.io', kind: 'ListOptions', causes });
  }
  return { initial: isTrue(query.get('sendInitialEvents')), bookmarks };
}
