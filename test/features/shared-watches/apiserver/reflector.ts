import { setTimeout as delay } from 'node:timers/promises';
import { request } from 'undici';
import { eventually } from '../../../support/eventually.js';
import type { Scope } from '../../../support/scope.js';

interface Versioned {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: Versioned;
}

/** Why a watch ended: it broke off, or it ended cleanly. */
type End = 'cut' | 'end';

/** Milliseconds until it asks again after a refusal or an end. */
const pause = 50;

/**
 * Lists and watches a collection as client-go's reflectors do: after the end of a watch it watches from the last version that it knows. The
 * objects are numbered from 0 in the order in which they were created (`object-0`, …), so that it
 * sees each gap and each event that comes twice.
 */
export class Reflector {
  /** The number of objects that it knows. */
  seen = 0;
  /** How often it has listed. */
  lists = 0;
  readonly ends: End[] = [];
  /** The first event or list that does not follow from what it had seen. */
  problem: string | undefined;
  readonly #url: string;
  readonly #stop = new AbortController();
  #version: string | undefined;
  #isWatching = false;

  /** Follows the collection at this URL until the scope ends. */
  constructor(scope: Scope, url: string) {
    this.#url = url;
    const followed = this.#follow();
    scope.after(() => {
      this.#stop.abort();
      return followed;
    });
  }

  /** Waits until it watches and knows this number of objects. Rejects if there was a gap, or anything came twice. */
  async until(count: number, timeout?: number): Promise<void> {
    await eventually(
      `object ${count - 1}`,
      () => this.problem !== undefined || (this.#isWatching && this.seen >= count),
      timeout,
    );
    if (this.problem !== undefined) throw new Error(this.problem);
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        else this.ends.push(await this.#watch(this.#version));
      } catch {
        // It is refused, and asks again.
      }
      await delay(pause, undefined, { signal }).catch(() => {});
    }
  }

  async #list(): Promise<void> {
    const { statusCode, body } = await request(this.#url, { signal: this.#stop.signal });
    const list = (await body.json()) as Versioned & { readonly items: readonly Versioned[] };
    if (statusCode !== 200) return;
    this.lists += 1;
    if (list.items.length < this.seen) this.problem ??= `a list of ${list.items.length} after ${this.seen}`;
    this.seen = list.items.length;
    this.#version = list.metadata.resourceVersion;
  }

  /** Watches until the end of the answer. Rejects if it is refused. */
  async #watch(version: string): Promise<End> {
    const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${version}`;
    const { statusCode, body } = await request(`${this.#url}?${query}`, { signal: this.#stop.signal });
    if (statusCode !== 200) {
      await body.dump();
      throw new Error(`${statusCode}`);
    }
    this.#isWatching = true;
    let rest = '';
    try {
      for await (const chunk of body.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.#receive(JSON.parse(line) as WatchEvent);
      }
      return 'end';
    } catch {
      return 'cut';
    } finally {
      this.#isWatching = false;
    }
  }

  #receive({ type, object }: WatchEvent): void {
    if (type === 'ADDED' && object.metadata.name === `object-${this.seen}`) this.seen += 1;
    else if (type !== 'BOOKMARK')
      this.problem ??= `${type} ${object.metadata?.name} after ${this.seen} objects`;
    this.#version = object.metadata.resourceVersion;
  }
}
