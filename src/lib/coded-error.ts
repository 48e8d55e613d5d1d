/** An error with a code, as the errors of Node's sockets and files have one. */
export function codedError(code: string, message: string): Error & { readonly code: string } {
  return Object.assign(new Error(message), { code });
}
