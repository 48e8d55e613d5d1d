import type { SecureContextOptions } from 'node:tls';
import type { CertificateAuthority, CertificatePair } from '../certificates/certificates.js';
import type { KnownUser } from './authentication.js';
import type { Policy } from './authorization.js';
import type { KubeObject } from './objects.js';

/** Options of the embedded API server; all have defaults. */
export interface FakeApiServerOptions {
  /** TCP port on 127.0.0.1; 0, the default, means any free one. */
  readonly port?: number;
  /**
   * 'required' (the default) rejects the TLS handshake without a valid client certificate; 'optional' accepts a request
   * without one and answers 401 to an invalid one, as kube-apiserver does; 'none' never requests one.
   */
  readonly clientCertificates?: 'required' | 'optional' | 'none';
  /** Signs the server's certificate and is trusted for clients. By default all servers of a test run share one. */
  readonly authority?: CertificateAuthority;
  /** The certificate to present instead of one for localhost, 127.0.0.1 and ::1. */
  readonly serverCertificate?: CertificatePair;
  /** The users by bearer token. */
  readonly tokens?: Readonly<Record<string, KnownUser>>;
  /** The users by `username:password`. */
  readonly basic?: Readonly<Record<string, KnownUser>>;
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
