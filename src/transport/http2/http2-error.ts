/** The API server's bytes are not valid HTTP/2, or too many. `wireCode` is the error code for the API server (RFC 9113, section 7). */
export class Http2Error extends Error {
  override readonly name: string = 'Http2Error';

  constructor(
    readonly wireCode: number,
    message: string,
    readonly code: 'MALFORMED_HTTP2' | 'RESPONSE_HEADERS_TOO_LARGE' = 'MALFORMED_HTTP2',
  ) {
    super(message);
  }
}
