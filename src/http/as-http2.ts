import type { ServerResponse } from 'node:http';
import type { Http2Response } from './http2-response.js';

/** The response as one over HTTP/2; undefined over HTTP/1.1. Loads nothing of HTTP/2: a listener without TLS has none. */
export function asHttp2(response: ServerResponse): Http2Response | undefined {
  return response.req.httpVersionMajor === 2 ? (response as unknown as Http2Response) : undefined;
}
