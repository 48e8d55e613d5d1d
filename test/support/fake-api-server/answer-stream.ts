import type { IncomingMessage } from 'node:http';
import { gzipSync } from 'node:zlib';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Exchange, startStream } from './exchange.js';

/** An answer without a known end: a watch or a followed log. */
export interface AnswerStream {
  write(frame: Buffer | string): void;
  /** Whether more is written than the client has taken. */
  readonly isFull: boolean;
  /** Resolves when the client has taken what was written, or has gone. */
  drained(): Promise<void>;
  /** Whether it has ended, or the client has gone. */
  readonly isOver: boolean;
  end(): void;
  onClose(listener: () => void): void;
}

/**
 * Begins such an answer, over HTTP or, with one message per frame, over a WebSocket.
 *
 * @param isCompressed Whether over HTTP each frame is a gzip member of its own, as with the API server's `perFlushGzipWriter`.
 */
export async function openStream(
  exchange: Exchange,
  contentType: string,
  isCompressed = false,
): Promise<AnswerStream> {
  if (exchange.upgrade === undefined) return httpStream(exchange, contentType, isCompressed);
  const socket = await acceptWebSocket(exchange, exchange.upgrade);
  return {
    write: frame => socket.send(frame, () => {}),
    isFull: false,
    drained: async () => {},
    get isOver() {
      return socket.readyState !== socket.OPEN;
    },
    end: () => socket.close(),
    onClose: listener => void socket.once('close', listener),
  };
}

const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
/** Subprotocols with a slash, such as SPDY/3.1+portforward.k8s.io, which `ws` rejects. */
const protocols = new WeakMap<IncomingMessage, string>();
webSockets.on('headers', (headers, request) => {
  const protocol = protocols.get(request);
  if (protocol !== undefined) headers.push(`Sec-WebSocket-Protocol: ${protocol}`);
});

/** Accepts the first subprotocol of the client's offer, if it offers any. */
export function acceptWebSocket(
  { request, response }: Exchange,
  { socket, head }: NonNullable<Exchange['upgrade']>,
): Promise<WebSocket> {
  const protocol = request.headers['sec-websocket-protocol'];
  if (protocol?.includes('/')) {
    protocols.set(request, protocol);
    delete request.headers['sec-websocket-protocol'];
  }
  response.detachSocket(request.socket);
  return new Promise(resolve => {
    webSockets.handleUpgrade(request, socket, head, accepted => {
      resolve(accepted.on('error', () => accepted.terminate()));
    });
  });
}

function httpStream(exchange: Exchange, contentType: string, isCompressed: boolean): AnswerStream {
  const { response } = exchange;
  response.setHeader('Content-Type', contentType);
  if (isCompressed) {
    response.setHeader('Content-Encoding', 'gzip');
    response.setHeader('Vary', 'Accept-Encoding');
  }
  startStream(exchange);
  let isFull = false;
  let isOver = false;
  let goOn = () => {};
  const becomeFree = () => {
    isFull = false;
    goOn();
  };
  const close = () => {
    isOver = true;
    becomeFree();
  };
  response.on('drain', becomeFree).once('close', close);
  return {
    write(frame) {
      isFull = !response.write(isCompressed ? gzipSync(frame, { level: 1 }) : frame);
    },
    get isFull() {
      return isFull;
    },
    drained: () =>
      new Promise(resolve => {
        goOn = resolve;
      }),
    get isOver() {
      return isOver;
    },
    end() {
      response.end();
      close();
    },
    onClose(listener) {
      response.once('close', listener);
      response.once('finish', listener);
    },
  };
}
