import type { Cluster } from './cluster.js';
import { groupVersion, type ResourceType } from './discovery.js';
import { type Exchange, startStream } from './exchange.js';
import type { KubeObject } from './objects.js';
import { negotiate, representObject } from './representation.js';
import { isTrue } from './request-attributes.js';
import { readSelector, type Selector } from './selectors.js';
import { badRequest, expired } from './status-failure.js';
import type { StoreEvent } from './store.js';

type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** The event of a change for a watch with selectors: ADDED when the object begins to match, DELETED when it no longer does. */
function selectedType(event: StoreEvent, selects: Selector): EventType | undefined {
  const before = event.previous !== undefined && selects(event.previous);
  const after = event.type !== 'DELETED' && selects(event.object);
  if (after) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}

function readVersion(query: URLSearchParams): number | undefined {
  const text = query.get('resourceVersion') ?? '';
  if (text === '' || text === '0') return undefined;
  const version = Number(text);
  if (!Number.isInteger(version))
    throw badRequest(`Invalid value: "${text}": strconv.ParseUint: invalid syntax`);
  return version;
}

/**
 * Answers a watch: headers at once, one JSON line an event, until timeoutSeconds, the client or the server ends it. A
 * version older than the history gets one ERROR event with a 410 Status.
 */
export function watchObjects(cluster: Cluster, type: ResourceType, exchange: Exchange): void {
  const { store } = cluster;
  const { query, response, attributes } = exchange;
  const representation = negotiate(exchange.request.headers.accept, query);
  const from = readVersion(query);
  const selects = readSelector(query);
  const namespace = type.namespaced ? attributes.namespace : '';
  const within = (object: KubeObject) => namespace === '' || object.metadata.namespace === namespace;
  const named = (object: KubeObject) => attributes.name === '' || object.metadata.name === attributes.name;
  const initial = query.has('sendInitialEvents')
    ? isTrue(query.get('sendInitialEvents'))
    : from === undefined;
  const bookmarks = isTrue(query.get('allowWatchBookmarks'));

  response.setHeader('Content-Type', 'application/json');
  startStream(exchange);

  const send = (eventType: string, object: unknown) =>
    response.write(`${JSON.stringify({ type: eventType, object })}\n`);
  let columns = true;
  const sendObject = (eventType: EventType, object: KubeObject) => {
    send(eventType, representObject(type, object, representation, columns));
    columns = false;
  };
  const sendBookmark = (annotations?: Record<string, string>) => {
    const metadata = { resourceVersion: String(store.version), ...(annotations ? { annotations } : {}) };
    send('BOOKMARK', { kind: type.kind, apiVersion: groupVersion(type), metadata });
  };
  const forward = (event: StoreEvent) => {
    if (!within(event.object) || !named(event.object)) return;
    const eventType = selectedType(event, selects);
    if (eventType === undefined) return;
    // An object that leaves the selection is shown as it last was inside, at the version of its leaving.
    const { resourceVersion = '' } = event.object.metadata;
    const previous = event.previous ?? event.object;
    const leaving = { ...previous, metadata: { ...previous.metadata, resourceVersion } };
    sendObject(eventType, eventType === 'DELETED' ? leaving : event.object);
  };

  if (from !== undefined && from < store.oldestVersion) {
    send('ERROR', expired(`too old resource version: ${from} (${store.oldestVersion})`).toStatus());
    response.end();
    return;
  }
  if (initial) {
    for (const object of store.list(type, namespace)) {
      if (named(object) && selects(object)) sendObject('ADDED', object);
    }
    if (query.has('sendInitialEvents') && bookmarks) sendBookmark({ 'k8s.io/initial-events-end': 'true' });
  } else if (from !== undefined) {
    for (const event of store.since(type, from)) forward(event);
  }

  const unsubscribe = store.subscribe(type, forward);
  const timers: NodeJS.Timeout[] = [];
  if (bookmarks) timers.push(setInterval(() => sendBookmark(), cluster.bookmarkInterval));
  const end = () => response.end();
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  if (seconds > 0) timers.push(setTimeout(end, seconds * 1000));
  cluster.lifecycle.once('stop', end);
  const stop = () => {
    unsubscribe();
    for (const timer of timers) clearInterval(timer);
    cluster.lifecycle.off('stop', end);
  };
  response.once('close', stop);
  response.once('finish', stop);
}
