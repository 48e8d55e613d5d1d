import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { noSniff, ownAnswerFields, sameOriginOnly } from '../../http/header-fields.js';
import { createStatus } from '../../kubernetes/status.js';

/**
 * Socket errors after a client has gone, and the parser's error for a request that ended before it was complete (by a FIN, or by a reset
 * that libuv reports as one).
 */
const departures: ReadonlySet<string | undefined> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'HPE_INVALID_EOF_STATE',
]);

/** Whether a request could not be read because its client left in the middle of it. That is not a bad request. */
export function isDeparture(error: { readonly code?: string }): boolean {
  return departures.has(error.code);
}

/** Milliseconds that a client which still sends has to read its answer: net/http's rstAvoidanceDelay. */
const lingerTime = 500;

const answered = new WeakSet<Socket>();

/**
 * Whether an error of Node's parser was already answered on this socket. The parser reports another error at each packet, and at the end.
 */
export function isAnswered(socket: Socket): boolean {
  return answered.has(socket);
}

/**
 * Answers bytes that Node's parser rejects, directly on the socket, and closes the connection. While an earlier request of the connection
 * is being answered, no other answer is possible, and the connection is cut off.
 */
export function refuseBadRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
    socket.destroy();
    return;
  }
  if (error.code === 'HPE_HEADER_OVERFLOW') answer(socket, 431, 'the request headers are too large');
  else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    answer(socket, 408, 'the request headers took too long');
  else answer(socket, 400, 'the request is not valid HTTP/1.1');
}

/** Answers a request that no rule sees with a Status. */
export function refuseRequest(response: ServerResponse, code: number, message: string): void {
  const body = JSON.stringify(createStatus(code, message));
  response.writeHead(code, [
    ...['Content-Type', 'application/json', 'Content-Length', String(Buffer.byteLength(body))],
    ...ownAnswerFields,
  ]);
  response.end(body);
}

/** Node keeps the response in progress on the socket. Node's own handler of such errors reads it there too. */
function isAnswering(socket: Socket): boolean {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage != null;
}

function answer(socket: Socket, code: number, message: string): void {
  const body = JSON.stringify(createStatus(code, message));
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    noSniff.join(': '),
    sameOriginOnly.join(': '),
    'Connection: close',
  ].join('\r\n');
  answered.add(socket);
  socket.end(`${head}\r\n\r\n${body}`);
  linger(socket);
}

/**
 * Closes a connection once its client has closed its side, or after a while. What the client still sends is read and dropped: if bytes
 * remain unread, the kernel sends a reset, and the client may lose the answer before it has read it.
 */
function linger(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), lingerTime);
  socket.once('close', () => clearTimeout(timer));
  socket.once('end', () => socket.destroySoon());
  // The first listeners are Node's parser. A new parser would take the bytes of a plain connection.
  socket.removeAllListeners('data').on('data', () => {});
  socket.resume();
}
