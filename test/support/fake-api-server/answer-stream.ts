import { type Exchange, startStream } from './exchange.js';
import { acceptWebSocket, sendMessage } from './websocket-channels.js';

/** An answer without a known end: a watch or a followed log. */
export interface AnswerStream {
  write(frame: Buffer | string): void;
  end(): void;
  onClose(listener: () => void): void;
}

/**
 * Begins such an answer, over HTTP or, with one message per frame, over a WebSocket. `protocols` are the accepted subprotocols. If it is
 * undefined, any single offer is accepted, two are rejected, and the client has to name an origin, as in golang.org/x/net/websocket.
 * Resolves with undefined if the handshake is rejected, which that package answers itself, with a status alone.
 */
export async function openStream(
  exchange: Exchange,
  contentType: string,
  protocols?: readonly string[],
): Promise<AnswerStream | undefined> {
  const { upgrade, request } = exchange;
  if (upgrade === undefined) return httpStream(exchange, contentType);
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map(item => item.trim())
    .filter(Boolean);
  const hasOrigin = ![undefined, 'null'].includes(request.headers.origin);
  if (protocols === undefined && offered.length > 1) return reject(exchange, '400 Bad Request');
  if (protocols === undefined && !hasOrigin) return reject(exchange, '403 Forbidden');
  const socket = await acceptWebSocket(exchange, upgrade, protocols ?? offered);
  if (socket === undefined) return reject(exchange, '403 Forbidden');
  return {
    write: frame => void sendMessage(socket, frame).catch(() => {}),
    end: () => socket.close(),
    onClose: listener => void socket.once('close', listener),
  };
}

function reject({ request, response, upgrade }: Exchange, status: string): undefined {
  response.detachSocket(request.socket);
  upgrade?.socket.end(`HTTP/1.1 ${status}\r\n\r\n`);
}

function httpStream(exchange: Exchange, contentType: string): AnswerStream {
  const { response } = exchange;
  response.setHeader('Content-Type', contentType);
  startStream(exchange);
  return {
    write: frame => void response.write(frame),
    end: () => void response.end(),
    onClose(listener) {
      response.once('close', listener);
      response.once('finish', listener);
    },
  };
}
