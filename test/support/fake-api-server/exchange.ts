import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { gzipSync } from 'node:zlib';
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
// The API server compresses answers from this size on, at its fastest level.
const gzipAbove = 128 * 1024;
const bodyLimit = 3 * 1024 * 1024;

const flowSchema = {
  exempt: ['d38fef58-4f7f-4c14-a96e-802381a8debf', '6326ff2a-9b5a-434d-b8a7-2c5147e804d5'],
  global: ['33aa0148-9c78-435d-b9a9-0c2a925f80ab', 'a10a286e-efde-481c-be9c-b9730061975e'],
} as const;

/** Sets the headers of every answer of the API server. */
export function setCommonHeaders(response: ServerResponse): void {
  // Go sends no Connection or Keep-Alive header on a connection that stays open.
  response.removeHeader('Connection');
  response.setHeader('Audit-Id', randomUUID());
  response.setHeader('Cache-Control', 'no-cache, private');
}

/** Sets the API Priority and Fairness headers: one pair for system:masters, another for everyone else. */
export function setFlowHeaders(response: ServerResponse, groups: readonly string[]): void {
  const [schema, level] = groups.includes('system:masters') ? flowSchema.exempt : flowSchema.global;
  response.setHeader('X-Kubernetes-Pf-Flowschema-Uid', schema);
  response.setHeader('X-Kubernetes-Pf-Prioritylevel-Uid', level);
}

/** Sends the head of an answer without a known end, which only HTTP/1.1 marks with a field. */
export function startStream({ request, response }: Pick<Exchange, 'request' | 'response'>): void {
  if (request.httpVersion === '1.1') response.setHeader('Transfer-Encoding', 'chunked');
  response.writeHead(200);
  response.flushHeaders();
}

/** Writes a whole answer with Content-Length, chunked coding or gzip, by the API server's rules. */
export function sendBody(exchange: Pick<Exchange, 'request' | 'response'>, code: number, body: string): void {
  const { request, response } = exchange;
  if (response.headersSent || response.destroyed) return;
  let bytes: Buffer = Buffer.from(body);
  const encodings = request.headers['accept-encoding'] ?? '';
  if (bytes.length > gzipAbove && request.method === 'GET' && encodings.toString().includes('gzip')) {
    bytes = gzipSync(bytes, { level: 1 });
    response.setHeader('Content-Encoding', 'gzip');
    response.appendHeader('Vary', 'Accept-Encoding');
  }
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

/** The whole request body; throws 413 above the API server's limit of 3 MiB. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyLimit) {
      const message = `Request entity is too large: limit is ${bodyLimit}`;
      throw new StatusFailure(413, 'RequestEntityTooLarge', message);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
