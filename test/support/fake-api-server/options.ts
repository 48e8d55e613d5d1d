import type { SecureContextOptions } from 'node:tls';
import type { CertificateAuthority, CertificatePair } from '../certificates.js';
import type { KnownUser } from './authentication.js';
import type { Policy } from './authorization.js';
import type { KubeObject } from './objects.js';

/** How the embedded API server is set up; everything has a default. */
export interface FakeApiServerOptions {
  /** TCP port on 127.0.0.1; 0, the default, takes a free one. */
  readonly port?: number;
  /**
   * 'required' (the default) refuses the TLS handshake without a valid client certificate; 'optional' takes a request
   * without one and answers 401 to an invalid one, as kube-apiserver does; 'none' never asks.
   */
  readonly clientCertificates?: 'required' | 'optional' | 'none';
  /** Signs the server's certificate and is trusted for clients; the one that all servers of a test run share by default. */
  readonly authority?: CertificateAuthority;
  /** What the server presents instead of a certificate for localhost, 127.0.0.1 and ::1. */
  readonly serverCertificate?: CertificatePair;
  /** Bearer token to user. */
  readonly tokens?: Readonly<Record<string, KnownUser>>;
  /** `username:password` to user. */
  readonly basic?: Readonly<Record<string, KnownUser>>;
  /** Decides for users outside system:masters; by default they get health, version, discovery and self reviews. */
  readonly allow?: Policy;
  /** Milliseconds between watch bookmarks (60 s). */
  readonly bookmarkInterval?: number;
  /** Milliseconds from the last bookmark of a watch to its timeoutSeconds (2 s). */
  readonly bookmarkBeforeEnd?: number;
  /** Events of each resource that a watch can start from; older versions get 410 (all of them). */
  readonly watchHistory?: number;
  /** The shortest and longest time in milliseconds of a watch without timeoutSeconds; without this it has no end. */
  readonly watchTimeout?: readonly [shortest: number, longest: number];
  /** resourceVersion of the empty store (1,000). */
  readonly firstVersion?: number;
  /** Milliseconds that an idle connection stays open (90 s). */
  readonly keepAliveTimeout?: number;
  /** How many requests `requests` remembers (10,000). */
  readonly requestLogLimit?: number;
  /** How many lines a new Pod's log has (5). */
  readonly firstLogLines?: number;
  /** CustomResourceDefinitions: what they define is served, and they are among the objects. */
  readonly customResources?: readonly KubeObject[];
  /** False starts without any other object. */
  readonly seed?: boolean;
  /** More TLS options, such as minVersion and maxVersion. */
  readonly tls?: SecureContextOptions;
}
