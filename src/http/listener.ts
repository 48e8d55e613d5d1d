import type { Server } from 'node:http';

/** What clients of the main listener may do. */
export interface ClientRules {
  /** Milliseconds that a client may be silent while bytes wait for it. */
  readonly patience: number;
  /** Whether callers are authenticated, so that a connection may have less until a caller of it is known. */
  readonly authenticates: boolean;
}

/** How the main listener speaks with its clients, if not by plain HTTP. */
export interface Listener {
  /**
   * Makes a server that does not listen yet speak so. The server emits `secureConnection` for each connection on which requests can come; a
   * listener may destroy it.
   */
  serve(server: Server, rules: ClientRules): void;
  /** The certificate that it has now. */
  readonly certificate: ServingCertificate;
}

/** A certificate of the proxy's. */
export interface ServingCertificate {
  /** PEM of the authority that clients have to trust; undefined if it is not known. */
  readonly authority: string | undefined;
  /** Whether it leads to an authority that most clients know without being told. */
  readonly isPublic: boolean;
  /** Whether it is valid for this host. An IPv6 address is in brackets. */
  isFor(hostname: string): boolean;
}
