/** Where callers find the API servers. */
export interface ApiPaths {
  /** What stands before the path of each request to the API server of `/`, without a final slash. */
  readonly root: string;
  /** The same for a context, which is at `/` if it is not served below `/clusters/`. */
  of(name: string): string;
  /** Whether pages of Pods have another origin than the API for browsers, so that they cannot read what its pages store. */
  readonly sandboxesProxiedPages: boolean;
}
