import { EventEmitter } from 'node:events';
import type { SecureContextOptions } from 'node:tls';
import type { CertificateAuthority, CertificatePair } from '../certificates/certificates.js';
import type { KnownTokens } from './authentication.js';
import { defaultPolicy, type Policy } from './authorization.js';
import { ApiTypes } from './discovery.js';
import type { KubeObject } from './objects.js';
import { PodLogs } from './pod-logs.js';
import { seed } from './seed.js';
import { Store } from './store.js';

/** Options of the embedded API server; all have defaults. */
export interface FakeApiServerOptions {
  /**
   * 'required' (the default) rejects the TLS handshake without a valid client certificate; 'optional' accepts a request
   * without one and answers 401 to an invalid one, as kube-apiserver does; 'none' never requests one.
   */
  readonly clientCertificates?: 'required' | 'optional' | 'none';
  /** Signs the server's certificate and is trusted for clients. By default all servers of a test run share one. */
  readonly authority?: CertificateAuthority;
  /** The certificate to present instead of one for localhost, 127.0.0.1 and ::1. */
  readonly serverCertificate?: CertificatePair;
  /** The users by bearer token, or by user name and password as Basic encodes them. */
  readonly tokens?: KnownTokens;
  /** Decides about users outside system:masters; by default they get health, version, discovery and self reviews. */
  readonly allow?: Policy;
  /** Milliseconds between watch bookmarks (60 s). */
  readonly bookmarkInterval?: number;
  /** Milliseconds from the last bookmark of a watch to its timeoutSeconds (2 s). */
  readonly bookmarkBeforeEnd?: number;
  /** How many events of each resource are kept; watches from before them get 410 (by default all are kept). */
  readonly watchHistory?: number;
  /** Whether a watch that begins with the objects, and that allows bookmarks, is compressed for clients that accept gzip, as by Kubernetes 1.37. */
  readonly compressInitialEvents?: boolean;
  /** How many requests `requests` keeps (10,000). */
  readonly requestLogLimit?: number;
  /** How many lines a new Pod's log has (5). */
  readonly firstLogLines?: number;
  /** CustomResourceDefinitions, which are among the objects, and whose resources are served. */
  readonly customResources?: readonly KubeObject[];
  /** If false, there are no other objects at the start. */
  readonly seed?: boolean;
  /** More TLS options, such as minVersion and maxVersion. */
  readonly tls?: SecureContextOptions;
}

/** The state that all requests share: the stored objects, the logs, and the access rules. */
export type Cluster = ReturnType<typeof createCluster>;

/** A cluster with the objects that the options ask for, and without a history. */
export function createCluster({ customResources = [], ...options }: FakeApiServerOptions) {
  const api = new ApiTypes(customResources);
  const store = new Store(options.watchHistory);
  if (options.seed !== false) seed(store, api);
  for (const definition of customResources) store.write(api.of(definition), definition);
  store.compact();
  return {
    ...{ api, store, tokens: options.tokens ?? {} },
    logs: new PodLogs(options.firstLogLines ?? 5),
    /** May be replaced while the server runs. */
    policy: options.allow ?? defaultPolicy,
    bookmarkInterval: options.bookmarkInterval ?? 60_000,
    bookmarkBeforeEnd: options.bookmarkBeforeEnd ?? 2000,
    compressInitialEvents: options.compressInitialEvents ?? false,
    /** True while the server closes: new watches then end at once. */
    isStopping: false,
    /** Emits 'stop' when the server closes gracefully, so that open streams end. */
    lifecycle: new EventEmitter().setMaxListeners(0),
  };
}
