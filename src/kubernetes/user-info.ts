/** The user that sends a request: `UserInfo` of authentication.k8s.io/v1. */
export interface UserInfo {
  readonly username: string;
  /** A name of the user that survives renames; undefined if the authenticator knows none. */
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  /** Further attributes of the user, by key. */
  readonly extra: ReadonlyMap<string, readonly string[]>;
  /** When the credential ends that names the user, in milliseconds since 1970; undefined if no end is known. */
  readonly expires?: number | undefined;
}
