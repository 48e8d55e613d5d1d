import { ApiError } from '../api/client.js';
import type { ApiObject } from '../api/objects.js';
import { ApiRequest, type ObjectName } from '../api/requests.js';
import { type Change, changesBetween } from '../text/changes.js';
import { Followed } from './followed.js';
import type { Source } from './source.js';
import { watchEvents } from './watch.js';

/** Milliseconds between two reads of an object that the user may get but not watch. */
const pollInterval = 5_000;

/** One object, live, with its last change. */
export class LiveObject extends Followed {
  object: ApiObject | undefined;
  /** The difference to the previous state; empty until the object changes. */
  changes: readonly Change[] = [];
  changedAt: number | undefined;
  /** Whether it has been deleted. */
  isGone = false;
  readonly #name: ObjectName;
  #mayWatch: boolean;

  constructor(source: Source, name: ObjectName) {
    super(source);
    this.#name = name;
    this.#mayWatch = name.resource.verbs.includes('watch');
  }

  protected override failed(error: unknown): void {
    if (this.object !== undefined && error instanceof ApiError && error.code === 404) this.isGone = true;
    else super.failed(error);
  }

  protected override async run(signal: AbortSignal, onLive: () => void): Promise<void> {
    const { client, prefix, index, page } = this.source;
    this.#put(await client.json<ApiObject>(ApiRequest.object(prefix, index, this.#name), signal));
    onLive();
    if (!this.#mayWatch) return page.wait(pollInterval, signal);
    const { resource, namespace, name } = this.#name;
    // Without a version, the watch begins with the current object.
    const scope = { resource, namespace, fieldSelector: `metadata.name=${name}` };
    const request = ApiRequest.watch(prefix, index, scope, '', 'object');
    try {
      await watchEvents(
        this.source,
        request,
        ({ type, object }) => {
          if (type === 'BOOKMARK') return;
          this.isGone = type === 'DELETED';
          this.#put(object);
        },
        signal,
      );
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 403)) throw error;
      this.#mayWatch = false;
    }
  }

  #put(object: ApiObject): void {
    const before = this.object;
    const isSame = before?.metadata?.resourceVersion === object.metadata?.resourceVersion;
    if (!isSame || before === undefined) {
      // Lists and watches of built-in kinds leave out the kind of each object.
      this.object = { apiVersion: before?.apiVersion, kind: before?.kind, ...object } as ApiObject;
      if (before !== undefined) {
        this.changes = changesBetween(before, this.object);
        this.changedAt = Date.now();
      }
    }
    this.changed();
  }
}
