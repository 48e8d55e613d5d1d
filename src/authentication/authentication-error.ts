/** Why a credential is not taken: for the log; a client only hears that it is not. Holds nothing of the credential. */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
  /** Whether the same credential may be good in a moment, so that nobody should remember that it was not. */
  readonly isPassing: boolean;

  constructor(
    message: string,
    { isPassing = false, ...options }: ErrorOptions & { isPassing?: boolean } = {},
  ) {
    super(message, options);
    this.isPassing = isPassing;
  }
}
