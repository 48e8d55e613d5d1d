import type { ServerResponse } from 'node:http';
import type { Http2Response } from './http2-response.js';

/** The response as an `Http2Response`; undefined over HTTP/1.1. This loads no HTTP/2 code, because a listener without TLS needs none. */
export function asHttp2(response: ServerResponse): Http2Response | undefined {
  return response.req.httpVersionMajor === 2 ? (response as unknown as Http2Response) : undefined;
}
