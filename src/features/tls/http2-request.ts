import type { IncomingHttpHeaders } from 'node:http';
import type { IncomingHttpHeaders as Http2Headers, ServerHttp2Stream } from 'node:http2';
import { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { hasField } from '../../http/header-fields.js';
import { overHttp2 } from '../../http/http2-answer.js';

/**
 * The request of an HTTP/2 stream in the form of HTTP/1.1, so that the same guards and the same code serve both. It has the part of
 * `IncomingMessage` that the proxy uses. Unlike the request of Node's compatibility API, it does not end if the stream was reset: half an
 * upload must not pass for a whole one.
 */
export class Http2Request extends Readable {
  readonly [overHttp2] = true;
  readonly httpVersion = '2.0';
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  readonly upgrade = false;
  readonly method: string;
  url: string;
  readonly headers: IncomingHttpHeaders;
  /** Without pseudo-header fields. `:authority` becomes the Host header. A Host header with another value remains too. */
  readonly rawHeaders: readonly string[];
  /** The connection, which is shared by all its streams. */
  readonly socket: TLSSocket;
  readonly stream: ServerHttp2Stream;
  /** Whether the whole request has arrived. */
  complete: boolean;
  #reading = false;

  constructor(
    stream: ServerHttp2Stream,
    socket: TLSSocket,
    headers: Http2Headers,
    rawHeaders: readonly string[],
  ) {
    super();
    this.stream = stream;
    this.socket = socket;
    this.method = headers[':method'] ?? '';
    this.url = headers[':path'] ?? '';
    this.complete = stream.endAfterHeaders;
    this.headers = plainHeaders(headers);
    this.rawHeaders = plainRawHeaders(headers, rawHeaders, this.complete);
    stream.once('close', () => this.destroy());
    // This listener must be added now: a stream that ends without a byte emits `end` even if nobody reads.
    stream.once('end', () => {
      // Node ends the readable side of a reset stream, too. The body has really ended only if the other direction is open.
      this.complete ||= !stream.closed;
      if (this.complete) this.push(null);
      else this.destroy();
    });
  }

  override _read(): void {
    if (this.#reading) {
      this.stream.resume();
      return;
    }
    this.#reading = true;
    this.stream.on('data', chunk => {
      if (!this.push(chunk)) this.stream.pause();
    });
  }
}

/** The most characters of a value of `headers`. */
const mostCharacters = 4096;

/**
 * What Fastify and its plugins read, such as Accept-Encoding. Longer values are left out: Node has joined lines that cost their sender one
 * byte each, and whoever reads such a value makes it one text that stays as long as the stream.
 */
function plainHeaders(headers: Http2Headers): IncomingHttpHeaders {
  const plain: IncomingHttpHeaders = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (!name.startsWith(':') && (value?.length ?? 0) <= mostCharacters) plain[name] = value;
  }
  if (headers[':authority'] !== undefined) plain.host = headers[':authority'];
  return plain;
}

/** The fields in the form of HTTP/1.1, where Transfer-Encoding announces a body of unknown length (RFC 9112, section 6.3). */
function plainRawHeaders(headers: Http2Headers, rawHeaders: readonly string[], complete: boolean): string[] {
  const authority = headers[':authority'];
  const plain = authority === undefined ? [] : ['host', authority];
  let cookie = false;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const value = rawHeaders[index + 1] as string;
    if (name.startsWith(':') || (name === 'host' && value === authority)) continue;
    // RFC 9113, section 8.2.3: Cookie may come in several fields, which HTTP/1.1 has in one.
    if (name === 'cookie') {
      if (!cookie) plain.push(name, headers.cookie ?? value);
      cookie = true;
    } else {
      plain.push(name, value);
    }
  }
  if (!complete && !hasField(plain, 'content-length')) plain.push('transfer-encoding', 'chunked');
  return plain;
}
