/** The user who sends a request: `UserInfo` of authentication.k8s.io/v1. */
export interface UserInfo {
  readonly username: string;
  /** An ID of the user that survives renames; undefined if the authenticator knows none. */
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  /** Further attributes of the user, by key. */
  readonly extra: ReadonlyMap<string, readonly string[]>;
  /** Groups of the credential that are not among `groups`, because `--accept-group` leaves them out; undefined for none. */
  readonly leftOut?: readonly string[];
  /** Whether requests name nothing but the user's name, because the API server adds the groups, and loses the rest. */
  readonly isSentByName?: true;
  /** When the credential that names the user expires, in milliseconds since 1970; undefined if that is not known. */
  readonly expires?: number | undefined;
}

/** Whether two users are the same to every authorizer: the order of groups and extra fields means nothing. */
export function isSameUser(one: UserInfo, other: UserInfo): boolean {
  return one === other || textOf(one) === textOf(other);
}

function textOf({ username, uid, groups, extra }: UserInfo): string {
  const fields = [...extra].map(([key, values]) => JSON.stringify([key, [...values].sort()]));
  return JSON.stringify([username, uid, [...groups].sort(), fields.sort()]);
}
