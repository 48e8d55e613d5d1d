import { createStatus, StatusError } from '../../kubernetes/status.js';
import type { RoundTrip } from '../../transport/round-trip.js';
import type { AskedNamespaces } from './asked-namespaces.js';
import { EventLines, withType } from './event-lines.js';
import type { FilteredCluster } from './filtered-cluster.js';
import { HeldNamespaces } from './held-namespaces.js';
import type { FilterObserver } from './metrics.js';
import {
  idOf,
  type NamespaceEvent,
  type NamespaceList,
  type NamespaceRow,
  nameOfId,
  readEvent,
} from './namespace-rows.js';
import type { OwnNamespaces } from './own-namespaces.js';
import { readShownList } from './shown-list.js';
import type { Onlooker, Viewer } from './viewer.js';

/** The way of a watch to its client. */
export interface WatchOutput {
  /** The watch is open. */
  begin(): void;
  /** One event, without a line feed. */
  event(line: string): void;
  end(): void;
  /** The watch fails. Before it is open, the client gets the error. */
  fail(error: Error): void;
}

interface NamespaceWatchParts {
  readonly filtered: FilteredCluster;
  readonly viewer: Viewer;
  readonly asked: AskedNamespaces;
  readonly own: OwnNamespaces;
  readonly observer: FilterObserver;
  readonly output: WatchOutput;
}

/** Milliseconds until what a client should be shown is asked for again. */
const retryAfter = 5_000;

/**
 * A client's watch of the namespaces that its user may get. The gateway's own watch brings events of all namespaces; the client gets those of
 * visible ones. What becomes visible is read from a list, and comes as ADDED; what no longer is comes as DELETED.
 */
export class NamespaceWatch implements RoundTrip, Onlooker {
  readonly #parts: NamespaceWatchParts;
  readonly #lines: EventLines;
  readonly #held = new HeldNamespaces();
  #upstream: RoundTrip | undefined;
  #isPaused = false;
  #isOpen = false;
  #isOver = false;
  #isUpdating = false;
  /** Those that have changed since lists were asked for, which may have them as they were. */
  readonly #outdated = new Set<string>();

  constructor(parts: NamespaceWatchParts) {
    this.#parts = parts;
    this.#lines = new EventLines(parts.asked.withoutObjects);
  }

  start(): this {
    const { viewer, observer } = this.#parts;
    viewer.watches.add(this);
    observer.watches(1);
    this.#begin().catch((error: Error) => this.#fail(error));
    return this;
  }

  pause(): void {
    this.#isPaused = true;
    this.#upstream?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#upstream?.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { viewer, observer } = this.#parts;
    viewer.watches.delete(this);
    viewer.used();
    // From now on, it is remembered for ten minutes.
    this.#held.recordIn(viewer.shown);
    observer.watches(-1);
    this.#upstream?.abort();
  }

  end(): void {
    if (this.#isOver) return;
    this.abort();
    if (this.#isOpen) this.#parts.output.end();
    else this.#parts.output.fail(new StatusError(503, 'the namespaces are no longer known; try again'));
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.abort();
    this.#parts.output.fail(error);
  }

  async #begin(): Promise<void> {
    const { filtered, viewer, asked, own } = this.#parts;
    if (asked.sendsInitialEvents) {
      await viewer.judge(filtered.namespaces);
      this.#open(listener => own.watchFromInitial(listener), []);
    } else if (asked.version === '' || asked.version === '0') {
      const { list, visible } = await readShownList(this.#parts);
      const rows = list.rows.filter(({ id }) => visible.has(id));
      this.#held.begin(new Set(rows.map(({ id }) => id)), list.version);
      for (const id of visible) this.#held.isNotListed(id);
      const events = rows.map(row => list.event('ADDED', row));
      this.#open(listener => own.watchFrom(list.version, listener), events);
    } else await this.#beginFrom(asked.version);
  }

  async #beginFrom(version: string): Promise<void> {
    const { filtered, viewer, own } = this.#parts;
    const shown = viewer.shown.at(version);
    if (shown === undefined) {
      this.#expire(version);
      return;
    }
    await viewer.judge(filtered.namespaces);
    this.#held.begin(shown.perhaps, version);
    const events: string[] = [];
    const added = [...viewer.visible].filter(id => !shown.surely.has(id));
    const removed = this.#held.hidden(viewer.visible);
    // One that was made again has the name of one that is removed.
    if (removed.length > 0) {
      const list = await own.named(removed.slice(0, 1).map(nameOfId));
      for (const id of removed) {
        this.#held.delete(id);
        // What has become of them since is not for this user.
        events.push(list.farewell(id, version));
      }
    }
    if (added.length > 0) {
      const list = await own.selected(added.map(nameOfId));
      events.push(...this.#added(list, added).values());
    }
    this.#open(listener => own.watchFrom(version, listener), events);
  }

  /** The API server's answer to a watch from a version that it no longer has. */
  #expire(version: string): void {
    const { output } = this.#parts;
    if (this.#isOver) return;
    const status = createStatus(410, `too old resource version: ${version.slice(0, 50)}`);
    this.abort();
    output.begin();
    output.event(JSON.stringify({ type: 'ERROR', object: status }));
    output.end();
  }

  #open(
    watch: (listener: Parameters<OwnNamespaces['watchFrom']>[1]) => RoundTrip,
    events: readonly string[],
  ): void {
    if (this.#isOver) return;
    const { output } = this.#parts;
    this.#upstream = watch({
      opened: () => {
        this.#isOpen = true;
        output.begin();
        for (const event of events) this.#send(event);
        this.#held.recordIn(this.#parts.viewer.shown);
        this.changed();
      },
      event: line => this.#event(line.toString('utf8')),
      over: error => this.#upstreamOver(error),
    });
    if (this.#isPaused) this.#upstream.pause();
  }

  #upstreamOver(error: Error | undefined): void {
    if (this.#isOver) return;
    if (error === undefined) this.end();
    else this.#fail(error);
  }

  #event(text: string): void {
    if (this.#isOver) return;
    const event = readEvent(text);
    if (event.isTable) this.#lines.sawTable(text);
    if (event.type === 'ERROR') this.#send(text);
    else if (event.row !== undefined) this.#aboutRow(event, event.row, text);
    else this.#bookmark(event, text);
  }

  #bookmark({ version, endsInitialEvents }: NamespaceEvent, text: string): void {
    const { asked, viewer } = this.#parts;
    const isInitial = this.#isInitial;
    if (isInitial && !endsInitialEvents) return;
    this.#held.position = version;
    if (asked.wantsBookmarks) this.#send(text);
    this.#held.recordIn(viewer.shown);
    if (isInitial) this.changed();
  }

  /** Whether initial events come, in no order: nothing is complete before their bookmark. */
  get #isInitial(): boolean {
    return this.#parts.asked.sendsInitialEvents && this.#held.position === '';
  }

  #aboutRow({ type, version }: NamespaceEvent, row: NamespaceRow, text: string): void {
    const { viewer } = this.#parts;
    const id = idOf(row);
    const isHeld = this.#held.has(id);
    if (this.#isUpdating) this.#outdated.add(id);
    if (!this.#isInitial) this.#held.position = version;
    if (type === 'DELETED') {
      this.#held.delete(id);
      if (isHeld) this.#send(text);
      this.changed();
    } else if (!viewer.visible.has(id)) this.#held.missed(id);
    else if (!this.#held.isNewerThan(id, version)) {
      this.#held.add(id);
      this.#send(isHeld || type === 'ADDED' ? text : withType(text, 'ADDED'));
    }
    this.#held.recordIn(viewer.shown);
  }

  changed(): void {
    if (this.#isUpdating || !this.#isOpen || this.#isOver || this.#held.position === '') return;
    this.#isUpdating = true;
    this.#outdated.clear();
    this.#update().then(
      () => {
        this.#isUpdating = false;
        if (this.#differs()) this.changed();
      },
      () => {
        this.#isUpdating = false;
        this.#parts.filtered.later(retryAfter, () => this.changed());
      },
    );
  }

  #differs(): boolean {
    const { visible } = this.#parts.viewer;
    return this.#held.missing(visible).length > 0 || this.#held.hidden(visible).length > 0;
  }

  /** Tells the client what has become visible, and what no longer is. */
  async #update(): Promise<void> {
    const { own, viewer } = this.#parts;
    const held = this.#held;
    const missing = held.missing(viewer.visible);
    const hidden = held.hidden(viewer.visible);
    const added = missing.length === 0 ? undefined : await own.selected(missing.map(nameOfId));
    const removed = hidden.length === 0 ? undefined : await own.named(hidden.map(nameOfId));
    if (this.#isOver) return;
    const { visible } = viewer;
    if (added !== undefined) {
      const still = missing.filter(id => visible.has(id) && held.lacks(id) && !this.#outdated.has(id));
      const old = new Set(still.filter(id => held.has(id)));
      for (const [id, event] of this.#added(added, still))
        this.#send(old.has(id) ? withType(event, 'MODIFIED') : event);
    }
    for (const id of hidden) {
      if (visible.has(id)) continue;
      if (held.has(id) && removed !== undefined) this.#send(lastOf(removed, id, held.position));
      held.delete(id);
    }
    held.recordIn(viewer.shown);
  }

  /** The events for those of these that the list has, by their IDs. The others are not selected, or gone. */
  #added(list: NamespaceList, ids: readonly string[]): Map<string, string> {
    const events = new Map<string, string>();
    for (const id of ids) {
      const row = list.rowOf(id);
      if (row === undefined) {
        this.#held.isNotListed(id);
        continue;
      }
      this.#held.add(id);
      this.#held.wasRead(id, row.version);
      events.set(id, list.event('ADDED', row, this.#held.position));
    }
    return events;
  }

  #send(text: string): void {
    const isTable = text.includes('"kind":"Table"') && readEvent(text).isTable;
    this.#parts.output.event(isTable ? this.#lines.ofTable(text) : text);
  }
}

/** The DELETED of one that the client may no longer see, or that is gone. */
function lastOf(list: NamespaceList, id: string, version: string): string {
  const row = list.rowOf(id);
  return row === undefined ? list.farewell(id, version) : list.event('DELETED', row, version);
}
