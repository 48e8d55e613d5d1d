/** What a page of the proxy's own has to know before it keeps a caller's token, or sends it. */
export interface TokenRules {
  /** Whether browsers treat pages of Pods as another origin than the API, so that they cannot read what the API's own pages store. */
  readonly sandboxesProxiedPages: boolean;
  /** Whether a token is valid in all clusters. If not, it is meant for one cluster, and that cluster's API server sees it. */
  readonly sharesTokens: boolean;
}

/** The paths at which callers reach the API servers. */
export interface ApiPaths extends TokenRules {
  /** The path prefix for requests to the API server of `/`, without a final slash. */
  readonly root: string;
  /** The same for a context. A context that is not served below `/clusters/` is at `/`. */
  of(name: string): string;
}
