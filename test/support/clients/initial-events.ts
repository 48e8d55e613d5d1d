import { eventually } from '../eventually.js';
import type { JsonEvent, WatchClient } from './watch-client.js';

/** Whether an event is the bookmark after which a watch has sent all objects (KEP-3157). In a Table, its row has the annotation. */
function endsInitialEvents({ type, object }: JsonEvent): boolean {
  const { annotations } = (object.rows?.[0]?.object ?? object).metadata;
  return type === 'BOOKMARK' && annotations?.['k8s.io/initial-events-end'] === 'true';
}

/** Type and name of each JSON event, such as `ADDED one`. The bookmark that ends the initial events is `END`. */
export function shownEvents(watch: WatchClient): string[] {
  return watch.events().map(event => {
    const { name } = (event.object.rows?.[0]?.object ?? event.object).metadata;
    if (event.type !== 'BOOKMARK') return `${event.type} ${name}`;
    return endsInitialEvents(event) ? 'END' : event.type;
  });
}

/** The same without the bookmarks that may come at any time. */
export function shownChanges(watch: WatchClient): string[] {
  return shownEvents(watch).filter(event => event !== 'BOOKMARK');
}

/** Waits until a watch has sent all objects. */
export function untilListed(watch: WatchClient): Promise<void> {
  return eventually('the end of the initial events', () => watch.events().some(endsInitialEvents));
}
