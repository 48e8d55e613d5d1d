/** Who sends a request: `UserInfo` of authentication.k8s.io/v1. */
export interface UserInfo {
  readonly username: string;
  /** Stable name of the user across renames; undefined where the authenticator knows none. */
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  /** Further attributes of the user, by key. */
  readonly extra: ReadonlyMap<string, readonly string[]>;
}
