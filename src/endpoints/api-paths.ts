/** The paths at which callers reach the API servers. */
export interface ApiPaths {
  /** The path prefix for requests to the API server of `/`, without a final slash. */
  readonly root: string;
  /** The same for a context. A context that is not served below `/clusters/` is at `/`. */
  of(name: string): string;
  /** Whether browsers treat pages of Pods as another origin than the API, so that they cannot read what the API's own pages store. */
  readonly sandboxesProxiedPages: boolean;
}
