import type { ServerResponse } from 'node:http';
import { asHttp2 } from '../http/as-http2.js';

const nothing = Buffer.alloc(0);

/**
 * Sends the head before there is a body, with one byte per character. Node's own flushHeaders for HTTP/1.1 writes the head as UTF-8; a head
 * before a body of bytes is not. If there is no body, the end of the answer sends the head.
 */
export function flushHead(response: ServerResponse): void {
  if (asHttp2(response) === undefined) response.write(nothing);
  else response.flushHeaders();
}
