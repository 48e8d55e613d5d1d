import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { UserInfo } from './authentication.js';
import type { RequestAttributes } from './request-attributes.js';
import { StatusFailure } from './status-failure.js';

/** One request in the server: its user, its content, and its response. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly attributes: RequestAttributes;
  readonly user: UserInfo;
  /** The socket and the bytes that the client sent after the head, if the request asks for an upgrade. */
  readonly upgrade: { readonly socket: Duplex; readonly head: Buffer } | undefined;
}

// Go's net/http writes a Content-Length only if the whole answer fits into its buffer.
const chunkedAbove = 2048;

/** Sets the headers of every answer of the API server. */
export function setCommonHeaders(response: ServerResponse): void {
  // Go sends no Connection or Keep-Alive header on a connection that stays open.
  response.removeHeader('Connection');
  response.setHeader('Audit-Id', randomUUID());
  response.setHeader('Cache-Control', 'no-cache, private');
}

/** Sends the head of an answer without a known end, which only HTTP/1.1 marks with a field. */
export function startStream({ request, response }: Pick<Exchange, 'request' | 'response'>): void {
  if (request.httpVersion === '1.1') response.setHeader('Transfer-Encoding', 'chunked');
  response.writeHead(200);
  response.flushHeaders();
}

/** Writes a whole answer with Content-Length or chunked coding, by the API server's rules. */
export function sendBody(exchange: Pick<Exchange, 'request' | 'response'>, code: number, body: string): void {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(body);
  if (bytes.length <= chunkedAbove) response.setHeader('Content-Length', bytes.length);
  response.writeHead(code);
  if (request.method !== 'HEAD') response.write(bytes);
  response.end();
}

/**
 * Whether a client gets its answer indented: the client asks for that, or its name shows that a person reads the answer
 * (isPrettyPrint of the API server's negotiation).
 */
function isPretty({ url = '', headers }: IncomingMessage): boolean {
  const asked = new URLSearchParams(url.split('?')[1]).get('pretty');
  if (asked) return /^(1|t|T|TRUE|true|True)$/.test(asked);
  return /^(curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '');
}

/** Answers with JSON and a newline, as Go's encoder writes it, or indented and without one. */
export function sendJson(
  exchange: Pick<Exchange, 'request' | 'response'>,
  code: number,
  body: unknown,
  contentType = 'application/json',
): void {
  exchange.response.setHeader('Content-Type', contentType);
  const text = isPretty(exchange.request) ? JSON.stringify(body, null, 2) : `${JSON.stringify(body)}\n`;
  sendBody(exchange, code, text);
}

/** Answers with plain text. */
export function sendText(
  exchange: Pick<Exchange, 'request' | 'response'>,
  code: number,
  body: string,
  contentType = 'text/plain; charset=utf-8',
): void {
  exchange.response.setHeader('Content-Type', contentType);
  sendBody(exchange, code, body);
}

/** Answers with a `Status`. An error that is not a StatusFailure becomes a 500 that names the error. */
export function sendFailure(exchange: Pick<Exchange, 'request' | 'response'>, error: unknown): void {
  const failure =
    error instanceof StatusFailure
      ? error
      : new StatusFailure(500, 'InternalError', `Internal error occurred: ${String(error)}`);
  sendJson(exchange, failure.code, failure.toStatus());
}

/** The whole request body. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
