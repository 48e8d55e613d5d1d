import { ApiError } from '../api/client.js';
import type { ApiObject, WatchEvent } from '../api/objects.js';
import { ApiRequest, type ListScope } from '../api/requests.js';
import { hasOwnStreams } from '../api/stream.js';
import { type Column, keyOf, type Row, readTable, type Table } from '../api/table.js';
import { Followed } from './followed.js';
import type { Source } from './source.js';
import { watchEvents } from './watch.js';

/** A row, and how often it has changed since it was first shown. */
export interface LiveRow extends Row {
  readonly changes: number;
  /** Milliseconds since 1970; the same holds for `readAt`. */
  readonly changedAt: number;
  readonly readAt: number;
}

/** How much of a list has been read. */
export interface Progress {
  readonly loaded: number;
  readonly remaining: number;
}

/** The most objects of one page. */
export const pageSize = '500';
/** Milliseconds between two reads of a list that the user may not watch. */
const pollInterval = 10_000;
/** Milliseconds for which changed rows are collected, so that they are read together. */
const gathering = 100;
/** If more rows have changed, the whole list is read. */
const mostSingleRows = 24;

/**
 * A list as the server's own table: first page by page, then live. A browser cannot send Accept with a WebSocket, so such a watch cannot
 * ask for rows of a table: it says which objects have changed, and their rows are read again.
 */
export class LiveList extends Followed {
  columns: readonly Column[] = [];
  readonly rows = new Map<string, LiveRow>();
  /** Changes with every change of the rows. */
  version = 0;
  /** Undefined once the list is complete. */
  progress: Progress | undefined = { loaded: 0, remaining: 0 };
  /** The token of the second page, as the API server gave it with the first one; empty if the list has one page. */
  secondPage = '';
  readonly #scope: ListScope;
  readonly #changed = new Set<string>();
  #resourceVersion = '';
  #mayWatch: boolean;
  /** Whether the user may get single objects. If not, changes are read with the whole list. */
  #mayGet = true;

  constructor(source: Source, scope: ListScope) {
    super(source);
    this.#scope = scope;
    this.#mayWatch = scope.resource.verbs.includes('watch');
  }

  protected override failed(error: unknown): void {
    super.failed(error);
    this.progress = undefined;
  }

  protected override async run(signal: AbortSignal, onLive: () => void): Promise<void> {
    if (this.#resourceVersion === '') await this.#load(signal);
    onLive();
    if (!this.#mayWatch) {
      await this.source.page.wait(pollInterval, signal);
      this.#resourceVersion = '';
      return;
    }
    try {
      await this.#watch(signal);
    } catch (error) {
      if (!(error instanceof ApiError && (error.code === 410 || error.code === 403))) throw error;
      // For a user who may list but not watch, the list is read from time to time.
      if (error.code === 403) this.#mayWatch = false;
      else this.#resourceVersion = '';
    }
  }

  async #load(signal: AbortSignal): Promise<void> {
    const { client, prefix, index } = this.source;
    const seen = new Set<string>();
    let token = '';
    let version = '';
    // What changes from now on may have been read before.
    const changed = [...this.#changed];
    this.#changed.clear();
    try {
      do {
        const page = { limit: pageSize, continue: token };
        const request = ApiRequest.list(prefix, index, this.#scope, page);
        const table = readTable(await client.json<ApiObject>(request, signal));
        this.#put(table);
        for (const row of table.rows) seen.add(keyOf(row));
        if (token === '') this.secondPage = table.continue;
        token = table.continue;
        version ||= table.resourceVersion;
        this.progress = { loaded: seen.size, remaining: table.remaining };
        this.changed();
      } while (token !== '');
    } catch (error) {
      for (const key of changed) this.#changed.add(key);
      throw error;
    }
    for (const key of this.rows.keys()) if (!seen.has(key)) this.rows.delete(key);
    this.#resourceVersion = version;
    this.progress = undefined;
    this.changed();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { prefix, index } = this.source;
    const form = hasOwnStreams() ? 'table' : 'object';
    const request = ApiRequest.watch(prefix, index, this.#scope, this.#resourceVersion, form);
    const failing = new AbortController();
    const both = AbortSignal.any([signal, failing.signal]);
    let refreshing: Promise<void> | undefined;
    const refresh = () => {
      if (this.#changed.size === 0) return;
      refreshing ??= this.#refresh(both)
        .catch(error => {
          if (both.aborted) return;
          this.#resourceVersion = '';
          failing.abort(error);
        })
        .finally(() => {
          refreshing = undefined;
        });
    };
    // Rows that had changed when the last watch ended.
    refresh();
    try {
      await watchEvents(
        this.source,
        request,
        event => {
          this.#take(event);
          refresh();
        },
        both,
      );
    } finally {
      await refreshing;
    }
  }

  #take({ type, object }: WatchEvent): void {
    if (object.kind === 'Table') {
      const table = readTable(object);
      this.#resourceVersion =
        table.resourceVersion || (table.rows[0]?.metadata.resourceVersion ?? this.#resourceVersion);
      if (type === 'BOOKMARK') return;
      if (type === 'DELETED') for (const row of table.rows) this.rows.delete(keyOf(row));
      else this.#put(table);
    } else {
      const { resourceVersion, namespace = '', name = '' } = object.metadata ?? {};
      this.#resourceVersion = resourceVersion ?? this.#resourceVersion;
      if (type === 'BOOKMARK') return;
      const key = keyOf({ namespace, name });
      if (type !== 'DELETED') {
        this.#changed.add(key);
        return;
      }
      this.#changed.delete(key);
      this.rows.delete(key);
    }
    this.changed();
  }

  /** Reads the rows that have changed. */
  async #refresh(signal: AbortSignal): Promise<void> {
    while (this.#changed.size > 0) {
      await this.source.page.wait(gathering, signal);
      if (!this.#mayGet || this.#changed.size > mostSingleRows) {
        await this.#load(signal);
        await this.source.page.wait(pollInterval / 5, signal);
        continue;
      }
      const keys = [...this.#changed];
      // Two requests at a time, so that a click finds a free connection.
      await Promise.all(
        [0, 1].map(first =>
          this.#readRows(
            keys.filter((_, at) => at % 2 === first),
            signal,
          ),
        ),
      );
    }
  }

  async #readRows(keys: readonly string[], signal: AbortSignal): Promise<void> {
    const { client, prefix, index } = this.source;
    for (const key of keys) {
      const slash = key.indexOf('/');
      this.#changed.delete(key);
      const object = { ...this.#scope, namespace: key.slice(0, slash), name: key.slice(slash + 1) };
      try {
        const request = ApiRequest.object(prefix, index, object, 'table');
        this.#put(readTable(await client.json<ApiObject>(request, signal)));
      } catch (error) {
        const code = error instanceof ApiError ? error.code : undefined;
        if (code === 404) this.rows.delete(key);
        else this.#changed.add(key);
        if (code === 403) this.#mayGet = false;
        else if (code !== 404) throw error;
      }
      this.changed();
    }
  }

  protected override changed(): void {
    this.version += 1;
    super.changed();
  }

  #put({ columns, rows }: Table): void {
    const isSame = columns.every(({ name }, at) => name === this.columns[at]?.name);
    if (!isSame) this.columns = columns;
    for (const row of rows) {
      const key = keyOf(row);
      const before = this.rows.get(key);
      const isUnchanged = before?.metadata.resourceVersion === row.metadata.resourceVersion;
      const isNew = before === undefined && this.progress === undefined;
      const hasChanged = (before !== undefined && !isUnchanged) || isNew;
      const changes = (before?.changes ?? 0) + (hasChanged ? 1 : 0);
      const readAt = Date.now();
      const changedAt = hasChanged ? readAt : (before?.changedAt ?? 0);
      this.rows.set(key, { ...row, changes, changedAt, readAt });
    }
  }
}
