import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { createStatus } from '../../kubernetes/status.js';

/** Socket errors of a client that has gone, and a request that ended before it was complete (FIN, or a reset that libuv takes for one). */
const departures: ReadonlySet<string | undefined> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'HPE_INVALID_EOF_STATE',
]);

/** Whether a request could not be read because its client left in the middle of it, which breaks no rule. */
export function isDeparture(error: { readonly code?: string }): boolean {
  return departures.has(error.code);
}

/** Milliseconds for a client that still sends to read its answer: net/http's rstAvoidanceDelay. */
const lingerTime = 500;

const answered = new WeakSet<Socket>();

/** Whether an error of Node's parser has been answered on this socket: the parser reports another one at each packet, and at the end. */
export function isAnswered(socket: Socket): boolean {
  return answered.has(socket);
}

/**
 * Answers on the bare socket what Node's parser did not take for a request, and closes the connection. While an earlier
 * request of the connection is still being answered, there can be no other answer, and the connection is cut.
 */
export function refuseUnparsed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
    socket.destroy();
    return;
  }
  if (error.code === 'HPE_HEADER_OVERFLOW') answer(socket, 431, 'the request headers are too large');
  else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    answer(socket, 408, 'the request headers did not come in time');
  else answer(socket, 400, 'the request is not valid HTTP/1.1');
}

/** Answers CONNECT (authority-form, RFC 9112, section 3.2.3): this program is not a forward proxy. */
export function refuseConnect(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  answer(socket, 405, 'CONNECT is not supported: this is a proxy for one API server, not a forward proxy');
}

/** Answers a request over HTTP/2 with a method that no route has. */
export function refuseUnknownMethod(response: ServerResponse): void {
  const body = JSON.stringify(createStatus(400, 'the request has a method that is not served here'));
  response.writeHead(400, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
}

/** Node keeps the response in progress on the socket; its own handler of such errors reads it there too. */
function isAnswering(socket: Socket): boolean {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage != null;
}

function answer(socket: Socket, code: number, message: string): void {
  const body = JSON.stringify(createStatus(code, message));
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ].join('\r\n');
  answered.add(socket);
  socket.end(`${head}\r\n\r\n${body}`);
  linger(socket);
}

/**
 * Closes a connection once its client has closed its side, or after a while. What the client still sends is read and dropped: the kernel
 * answers bytes that nobody reads with a reset, which takes the answer away from a client that has not read it yet.
 */
function linger(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), lingerTime);
  socket.once('close', () => clearTimeout(timer));
  socket.once('end', () => socket.destroySoon());
  // The first are Node's parser, and a new one takes the bytes of a plain connection away from it.
  socket.removeAllListeners('data').on('data', () => {});
  socket.resume();
}
