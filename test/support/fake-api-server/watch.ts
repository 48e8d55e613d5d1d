import { setTimeout as delay } from 'node:timers/promises';
import { isTrue } from '../../../src/kubernetes/query.js';
import { openStream } from './answer-stream.js';
import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import type { Exchange } from './exchange.js';
import type { KubeObject } from './objects.js';
import { readSelector, type Selector } from './selectors.js';
import { expired, StatusFailure, tooLargeVersion } from './status-failure.js';
import type { Store, StoreEvent } from './store.js';
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
  // A list with such a version gets a 400.
  if (!/^[0-9]+$/.test(text)) throw new StatusFailure(500, '', `resourceVersion: Invalid value: "${text}"`);
  return Number(text);
}

/** How a watch begins, and what it gets besides changes. */
interface WatchOptions {
  /** Whether the current objects come first, as ADDED events. */
  readonly initial: boolean;
  readonly bookmarks: boolean;
}

const matchField = 'resourceVersionMatch';
const why = 'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';

/** Reads the options of a watch, with their defaults. Throws a 422 for initial events without the match that they need, or of a page. */
function readWatchOptions(query: URLSearchParams): WatchOptions {
  const bookmarks = isTrue(query.get('allowWatchBookmarks') ?? undefined);
  const match = query.get(matchField) ?? '';
  if (!query.has('sendInitialEvents')) {
    // SetListOptionsDefaults: a watch from no version, or from version 0, begins with the objects.
    return { initial: match === '' && ['', '0'].includes(query.get('resourceVersion') ?? ''), bookmarks };
  }
  if (match !== 'NotOlderThan' || query.has('continue')) {
    const causes = [{ reason: 'FieldValueForbidden', message: why, field: matchField }];
    const message = `ListOptions.meta.k8s.io "" is invalid: ${matchField}: ${why}`;
    throw new StatusFailure(422, 'Invalid', message, { group: 'meta.k8s.io', kind: 'ListOptions', causes });
  }
  return { initial: isTrue(query.get('sendInitialEvents') ?? undefined), bookmarks };
}

/** Whether the client accepts gzip, in the one spelling that the API server reads (`negotiateContentEncoding`). */
function acceptsGzip(field: string | string[] | undefined): boolean {
  return `${field}`.split(',').some(coding => coding.trim() === 'gzip');
}

/** Whether the store gets this version within three seconds, for which the watch cache waits too. */
async function reaches(store: Store, version: number): Promise<boolean> {
  const deadline = performance.now() + 3000;
  while (store.version < version && performance.now() < deadline) await delay(20);
  return store.version >= version;
}

/**
 * Answers a watch: headers at once, one frame per event, until timeoutSeconds, the client or the server ends it. A version older than
 * the history gets one ERROR event with a 410 Status. With a future version, events up to that version are not sent, as in the API
 * server's watch cache (`cacheWatcher.process`). A watch that begins with the objects gets those of one version, then a bookmark of that
 * version if it allows bookmarks, and then the changes since.
 */
export async function watchObjects(cluster: Cluster, type: ResourceType, exchange: Exchange): Promise<void> {
  const { store, bookmarkInterval, bookmarkBeforeEnd } = cluster;
  const { query, attributes } = exchange;
  const { headers } = exchange.request;
  const encoder = new WatchEncoder(type, headers.accept, query);
  const { initial, bookmarks } = readWatchOptions(query);
  const from = readVersion(query);
  const selects = readSelector(query);
  const namespace = type.namespaced ? attributes.namespace : '';
  const within = (object: KubeObject) => namespace === '' || object.metadata.namespace === namespace;
  const named = (object: KubeObject) => attributes.name === '' || object.metadata.name === attributes.name;

  const isReached = !initial || from === undefined || (await reaches(store, from));
  const compresses = cluster.compressInitialEvents && initial && bookmarks;
  const isCompressed = compresses && acceptsGzip(headers['accept-encoding']);
  const stream = await openStream(exchange, encoder.contentType, isCompressed);
  /** Changes up to this version are not sent. */
  let start = from ?? store.version;
  const forward = (event: StoreEvent) => {
    if (event.version <= start || !within(event.object) || !named(event.object)) return;
    const eventType = selectedType(event, selects);
    if (eventType === undefined) return;
    // An object that stops matching is sent in its last matching state, with the version of the change.
    const { resourceVersion = '' } = event.object.metadata;
    const previous = event.previous ?? event.object;
    const leaving = { ...previous, metadata: { ...previous.metadata, resourceVersion } };
    stream.write(encoder.object(eventType, eventType === 'DELETED' ? leaving : event.object));
  };

  if (cluster.isStopping) {
    stream.end();
    return;
  }
  const oldest = store.oldestVersionOf(type);
  if (!isReached || (!initial && from !== undefined && from < oldest)) {
    const failure = isReached
      ? expired(`too old resource version: ${from} (${oldest})`)
      : tooLargeVersion(from ?? 0, store.version);
    stream.write(encoder.error(failure));
    stream.end();
    return;
  }

  /** Changes that come while the initial events are sent. */
  const later: StoreEvent[] = [];
  let isInitial = initial;
  const unsubscribe = store.subscribe(type, event => (isInitial ? later.push(event) : forward(event)));
  const timers: NodeJS.Timeout[] = [];
  const after = (time: number, run: () => void) => timers.push(setTimeout(run, time));
  const bookmark = () => {
    if (!isInitial && store.version >= start) stream.write(encoder.bookmark(store.version));
  };
  if (bookmarks) timers.push(setInterval(bookmark, bookmarkInterval));
  const end = () => stream.end();
  const length = Number(query.get('timeoutSeconds') ?? 0) * 1000;
  if (length > 0) {
    const last = length - bookmarkBeforeEnd;
    if (bookmarks && last > 0) after(last, bookmark);
    after(length, end);
  }
  cluster.lifecycle.once('stop', end);
  stream.onClose(() => {
    unsubscribe();
    for (const timer of timers) clearInterval(timer);
    cluster.lifecycle.off('stop', end);
  });

  if (!initial) {
    for (const event of store.since(type, start)) forward(event);
    return;
  }
  start = store.version;
  const objects = store.list(type, namespace).filter(object => named(object) && selects(object));
  for (const frame of initialFrames(encoder, objects, bookmarks ? start : undefined)) {
    if (stream.isFull) await stream.drained();
    if (stream.isOver) return;
    stream.write(frame);
  }
  isInitial = false;
  for (const event of later) forward(event);
}

/** @param version That of the bookmark at the end; undefined for a watch without bookmarks. */
function* initialFrames(encoder: WatchEncoder, objects: readonly KubeObject[], version: number | undefined) {
  for (const object of objects) yield encoder.object('ADDED', object);
  if (version !== undefined) yield encoder.bookmark(version, { 'k8s.io/initial-events-end': 'true' });
}
