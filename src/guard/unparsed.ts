import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { createStatus } from '../kubernetes/status.js';

/** Answers on the bare socket what Node's parser did not take for a request, and closes the connection. */
export function refuseUnparsed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  if (error.code === 'HPE_HEADER_OVERFLOW') answer(socket, 431, 'the request headers are too large');
  else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT')
    answer(socket, 408, 'the request headers did not come in time');
  else answer(socket, 400, 'the request is not valid HTTP/1.1');
}

/** Answers CONNECT (authority-form, RFC 9112, section 3.2.3): this is no forward proxy. */
export function refuseConnect(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  answer(socket, 405, 'CONNECT is not supported: this is a proxy for one API server, not a forward proxy');
}

function answer(socket: Socket, code: number, message: string): void {
  const body = JSON.stringify(createStatus(code, message));
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ].join('\r\n');
  socket.write(`${head}\r\n\r\n${body}`);
  socket.destroySoon();
}
