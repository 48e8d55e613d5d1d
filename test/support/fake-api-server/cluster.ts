import { EventEmitter } from 'node:events';
import type { KnownCredentials } from './authentication.js';
import { defaultPolicy, type Policy } from './authorization.js';
import { ApiTypes } from './discovery.js';
import { InitialEvents } from './initial-events.js';
import type { FakeApiServerOptions } from './options.js';
import { PodRuntime } from './pod-runtime.js';
import { seed } from './seed.js';
import { Store } from './store.js';

/** When a watch gets bookmarks, in milliseconds. */
export interface WatchTimes {
  /** Time between the bookmarks of a watch that allows them. */
  readonly bookmarkInterval: number;
  /** Time from its last bookmark to its end by timeoutSeconds. */
  readonly bookmarkBeforeEnd: number;
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
  readonly initialEvents: InitialEvents;
  readonly compressInitialEvents: boolean;
  /** True while the server closes: new watches then end at once. */
  isStopping: boolean;
  /** Emits 'stop' when the server closes gracefully, so that open streams end. */
  readonly lifecycle: EventEmitter;
}

/** A cluster with the objects that the options ask for, and without a history. */
export function createCluster({ customResources = [], ...options }: FakeApiServerOptions): Cluster {
  const api = new ApiTypes(customResources);
  const store = new Store(options.watchHistory);
  if (options.seed !== false) seed(store, api);
  for (const definition of customResources) store.write(api.of(definition), definition);
  store.compact();
  return {
    api,
    store,
    pods: new PodRuntime(options.firstLogLines ?? 5),
    credentials: { tokens: options.tokens ?? {}, basic: options.basic ?? {} },
    policy: options.allow ?? defaultPolicy,
    watchTimes: {
      bookmarkInterval: options.bookmarkInterval ?? 60_000,
      bookmarkBeforeEnd: options.bookmarkBeforeEnd ?? 2000,
    },
    initialEvents: new InitialEvents(),
    compressInitialEvents: options.compressInitialEvents ?? false,
    isStopping: false,
    lifecycle: new EventEmitter().setMaxListeners(0),
  };
}
