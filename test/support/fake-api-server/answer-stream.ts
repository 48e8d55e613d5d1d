import { type Exchange, startStream } from './exchange.js';
import { badRequest } from './status-failure.js';
import { acceptWebSocket, sendMessage } from './websocket-channels.js';

/** An answer without a known end: a watch or a followed log. */
export interface AnswerStream {
  write(frame: Buffer | string): void;
  end(): void;
  onClose(listener: () => void): void;
}

/**
 * Begins such an answer, over HTTP or, with one message per frame, over a WebSocket. `protocols` are the accepted subprotocols.
 * If it is undefined, any single offer is accepted, as in golang.org/x/net/websocket, and two are rejected.
 */
export async function openStream(
  exchange: Exchange,
  contentType: string,
  protocols?: readonly string[],
): Promise<AnswerStream> {
  const { upgrade, request } = exchange;
  if (upgrade === undefined) return httpStream(exchange, contentType);
  const offered = (request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map(item => item.trim())
    .filter(Boolean);
  const socket = await acceptWebSocket(exchange, upgrade, protocols ?? (offered.length === 1 ? offered : []));
  if (socket === undefined)
    throw badRequest('unable to upgrade: the request offers no subprotocol of this server');
  return {
    write: frame => void sendMessage(socket, frame).catch(() => {}),
    end: () => socket.close(),
    onClose: listener => void socket.once('close', listener),
  };
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
