import { openStream } from './answer-stream.js';
import type { Cluster, WatchTimes } from './cluster.js';
import type { ResourceType } from './discovery.js';
import type { Exchange } from './exchange.js';
import type { KubeObject } from './objects.js';
import { isTrue } from './request-attributes.js';
import { readSelector, type Selector } from './selectors.js';
import { expired, StatusFailure } from './status-failure.js';
import type { StoreEvent } from './store.js';
import { WatchEncoder } from './watch-encoder.js';

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
  const problem = parseProblem(text);
  if (problem !== undefined) {
    const message = `resourceVersion: Invalid value: "${text}": strconv.ParseUint: parsing "${text}": ${problem}`;
    // A list with such a version gets a 400.
    throw new StatusFailure(500, '', message);
  }
  return Number(text);
}

/** What Go's ParseUint says about a text that is no uint64. */
function parseProblem(text: string): string | undefined {
  if (!/^[0-9]+$/.test(text)) return 'invalid syntax';
  return BigInt(text) < 2n ** 64n ? undefined : 'value out of range';
}

/** Milliseconds from now to the end of a watch; undefined if it has none. */
function lengthOf(query: URLSearchParams, { timeout }: WatchTimes): number | undefined {
  const seconds = Number(query.get('timeoutSeconds') ?? 0);
  if (seconds > 0) return seconds * 1000;
  return timeout && timeout[0] + Math.random() * (timeout[1] - timeout[0]);
}

/**
 * Answers a watch: headers at once, one frame per event, until timeoutSeconds, the client or the server ends it. A version older than
 * the history gets one ERROR event with a 410 Status. With a future version, events up to that version are not sent, as in the API
 * server's watch cache (`cacheWatcher.process`).
 */
export async function watchObjects(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const { store, watchTimes } = cluster;
  const { query, attributes } = exchange;
  const encoder = new WatchEncoder(type, exchange.request.headers.accept, query);
  const from = readVersion(query);
  const selects = readSelector(query);
  const namespace = type.namespaced ? attributes.namespace : '';
  const within = (object: KubeObject) => namespace === '' || object.metadata.namespace === namespace;
  const named = (object: KubeObject) => attributes.name === '' || object.metadata.name === attributes.name;
  const initial = query.has('sendInitialEvents')
    ? isTrue(query.get('sendInitialEvents'))
    : from === undefined;
  const bookmarks = isTrue(query.get('allowWatchBookmarks'));

  const stream = await openStream(exchange, encoder.contentType);
  if (stream === undefined) return;
  const sendObject = (eventType: EventType, object: KubeObject) =>
    stream.write(encoder.object(eventType, object));
  const sendBookmark = (annotations?: Record<string, string>) => {
    if (store.version >= (from ?? 0)) stream.write(encoder.bookmark(store.version, annotations));
  };
  const forward = (event: StoreEvent) => {
    if (event.version <= (from ?? 0) || !within(event.object) || !named(event.object)) return;
    const eventType = selectedType(event, selects);
    if (eventType === undefined) return;
    // An object that stops matching is sent in its last matching state, with the version of the change.
    const { resourceVersion = '' } = event.object.metadata;
    const previous = event.previous ?? event.object;
    const leaving = { ...previous, metadata: { ...previous.metadata, resourceVersion } };
    sendObject(eventType, eventType === 'DELETED' ? leaving : event.object);
  };

  if (cluster.isStopping) {
    stream.end();
    return;
  }
  const oldest = store.oldestVersionOf(type);
  if (from !== undefined && from < oldest) {
    stream.write(encoder.error(expired(`too old resource version: ${from} (${oldest})`)));
    stream.end();
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
  const after = (delay: number, run: () => void) => timers.push(setTimeout(run, delay));
  if (bookmarks) timers.push(setInterval(() => sendBookmark(), watchTimes.bookmarkInterval));
  const end = () => stream.end();
  const length = lengthOf(query, watchTimes);
  if (length !== undefined) {
    const last = length - watchTimes.bookmarkBeforeEnd;
    if (bookmarks && last > 0) after(last, () => sendBookmark());
    after(length, end);
  }
  cluster.lifecycle.once('stop', end);
  stream.onClose(() => {
    unsubscribe();
    for (const timer of timers) clearInterval(timer);
    cluster.lifecycle.off('stop', end);
  });
}
