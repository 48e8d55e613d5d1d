/** What the API server sent is not HTTP/2, or too much of it; `wireCode` tells it so (RFC 9113, section 7). */
export class Http2Error extends Error {
  override readonly name = 'Http2Error';

  constructor(
    readonly wireCode: number,
    message: string,
    readonly code: 'MALFORMED_HTTP2' | 'RESPONSE_HEADERS_TOO_LARGE' = 'MALFORMED_HTTP2',
  ) {
    super(message);
  }
}
