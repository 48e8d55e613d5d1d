/** Says for the log why a credential is invalid. A client only learns that it is. The message contains no part of the credential. */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
  /** Whether the same credential may soon be valid, so that the failure must not be cached. */
  readonly isPassing: boolean;

  constructor(
    message: string,
    { isPassing = false, ...options }: ErrorOptions & { isPassing?: boolean } = {},
  ) {
    super(message, options);
    this.isPassing = isPassing;
  }
}
