import type { EventEmitter } from 'node:events';
import type { KnownCredentials } from './authentication.js';
import type { Policy } from './authorization.js';
import type { PodRuntime } from './pod-runtime.js';
import type { Store } from './store.js';

/** What all requests share: the stored objects, the pods' processes, and the access rules. */
export interface Cluster {
  readonly store: Store;
  readonly pods: PodRuntime;
  readonly credentials: KnownCredentials;
  readonly policy: Policy;
  /** Milliseconds between the bookmarks of a watch that allows them. */
  readonly bookmarkInterval: number;
  /** Emits 'stop' when the server closes gracefully, so that open streams end themselves. */
  readonly lifecycle: EventEmitter;
}
