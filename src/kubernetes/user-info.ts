/** The user that sends a request: `UserInfo` of authentication.k8s.io/v1. */
export interface UserInfo {
  readonly username: string;
  /** A name of the user that survives renames; undefined if the authenticator knows none. */
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  /** Further attributes of the user, by key. */
  readonly extra: ReadonlyMap<string, readonly string[]>;
}
