import type { EventEmitter } from 'node:events';
import type { KnownCredentials } from './authentication.js';
import type { Policy } from './authorization.js';
import type { ApiTypes } from './discovery.js';
import type { PodRuntime } from './pod-runtime.js';
import type { Store } from './store.js';

/** When a watch gets bookmarks and ends, in milliseconds. */
export interface WatchTimes {
  /** Time between the bookmarks of a watch that allows them. */
  readonly bookmarkInterval: number;
  /** Time from its last bookmark to its end by timeoutSeconds. */
  readonly bookmarkBeforeEnd: number;
  /** The shortest and the longest time of a watch without timeoutSeconds; undefined means no end. */
  readonly timeout: readonly [shortest: number, longest: number] | undefined;
}

/** The state that all requests share: the stored objects, the pods' processes, and the access rules. */
export interface Cluster {
  readonly api: ApiTypes;
  readonly store: Store;
  readonly pods: PodRuntime;
  readonly credentials: KnownCredentials;
  /** May be replaced while the server runs. */
  policy: Policy;
  readonly watchTimes: WatchTimes;
  /** True while the server closes: new watches then end at once. */
  isStopping: boolean;
  /** Emits 'stop' when the server closes gracefully, so that open streams end. */
  readonly lifecycle: EventEmitter;
}
