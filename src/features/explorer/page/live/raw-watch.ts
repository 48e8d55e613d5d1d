import { ApiError } from '../api/client.js';
import type { ApiObject, WatchEvent } from '../api/objects.js';
import { ApiRequest, type ListScope } from '../api/requests.js';
import { redact } from '../text/redact.js';
import { Followed } from './followed.js';
import type { Source } from './source.js';
import { watchEvents } from './watch.js';

/** One event as it came, without secret values. */
export interface RawEvent {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly type: WatchEvent['type'];
  readonly object: ApiObject;
}

/** The most events that are kept; the oldest ones are dropped. */
const mostEvents = 300;

/** The events of a watch, each as the API server sent it. */
export class RawWatch extends Followed {
  /** The newest event comes first. */
  events: readonly RawEvent[] = [];
  readonly #scope: ListScope;
  #version = '';
  #count = 0;

  constructor(source: Source, scope: ListScope) {
    super(source);
    this.#scope = scope;
  }

  protected override async run(signal: AbortSignal, onLive: () => void): Promise<void> {
    const { prefix, index } = this.source;
    const request = ApiRequest.watch(prefix, index, this.#scope, this.#version, 'object');
    onLive();
    try {
      await watchEvents(this.source, request, event => this.#add(event), signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 410)) throw error;
      this.#version = '';
    }
  }

  #add({ type, object }: WatchEvent): void {
    this.#version = object.metadata?.resourceVersion ?? this.#version;
    const event = {
      id: this.#count++,
      at: Date.now(),
      type,
      object: redact(object, this.#scope.resource.kind),
    };
    this.events = [event, ...this.events].slice(0, mostEvents);
    this.changed();
  }
}
