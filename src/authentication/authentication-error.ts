/** Why a credential is not taken: for the log; a client only hears that it is not. Holds nothing of the credential. */
export class AuthenticationError extends Error {
  override readonly name = 'AuthenticationError';
}
