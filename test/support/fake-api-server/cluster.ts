import type { EventEmitter } from 'node:events';
import type { KnownCredentials } from './authentication.js';
import type { Policy } from './authorization.js';
import type { ApiTypes } from './discovery.js';
import type { PodRuntime } from './pod-runtime.js';
import type { Store } from './store.js';

/** When a watch gets bookmarks and ends, in milliseconds. */
export interface WatchTimes {
  /** Between the bookmarks of a watch that allows them. */
  readonly bookmarkInterval: number;
  /** From its last bookmark to the end by its timeoutSeconds. */
  readonly bookmarkBeforeEnd: number;
  /** The shortest and the longest time without timeoutSeconds; undefined for no end. */
  readonly timeout: readonly [shortest: number, longest: number] | undefined;
}

/** What all requests share: the stored objects, the pods' processes, and the access rules. */
export interface Cluster {
  readonly api: ApiTypes;
  readonly store: Store;
  readonly pods: PodRuntime;
  readonly credentials: KnownCredentials;
  /** May be replaced while the server runs. */
  policy: Policy;
  readonly watchTimes: WatchTimes;
  /** True while the server closes: watches that are opened then end at once. */
  isStopping: boolean;
  /** Emits 'stop' when the server closes gracefully, so that open streams end themselves. */
  readonly lifecycle: EventEmitter;
}
