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

/** How such an answer is sent. */
interface StreamOptions {
  /**
   * The accepted subprotocols of a WebSocket. If undefined, any single offer is accepted, two are rejected, and the client has to name an
   * origin, as in golang.org/x/net/websocket.
   */
  readonly protocols?: readonly string[] | undefined;
  /** Whether an answer over HTTP is compressed: each frame is a gzip member of its own, as with the API server's `perFlushGzipWriter`. */
  readonly isCompressed?: boolean;
}

/**
 * Begins such an answer, over HTTP or, with one message per frame, over a WebSocket. Resolves with undefined if the handshake is rejected,
 * which golang.org/x/net/websocket answers itself, with a status alone.
 */
export async function openStream(
  exchange: Exchange,
  contentType: string,
  { protocols, isCompressed = false }: StreamOptions = {},
): Promise<AnswerStream | undefined> {
  const { upgrade, request } = exchange;
  if (upgrade === undefined) return httpStream(exchange, contentType, isCompressed);
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

/**
 * Accepts the first subprotocol of the client's offer that is among `protocols`. Without an offer the connection
 * has none. Resolves with undefined, and answers nothing, if the client offers only others.
 */
export function acceptWebSocket(
  exchange: Exchange,
  upgrade: NonNullable<Exchange['upgrade']>,
  protocols: readonly string[],
): Promise<WebSocket | undefined> {
  const offered = (exchange.request.headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map(item => item.trim());
  const chosen = offered.find(item => protocols.includes(item));
  if (offered[0] !== '' && chosen === undefined) return Promise.resolve(undefined);
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  // `ws` rejects a subprotocol with a slash, such as SPDY/3.1+portforward.k8s.io, so this adds the field itself.
  delete exchange.request.headers['sec-websocket-protocol'];
  if (chosen !== undefined) {
    server.on('headers', headers => void headers.push(`Sec-WebSocket-Protocol: ${chosen}`));
  }
  exchange.response.detachSocket(exchange.request.socket);
  return new Promise(resolve => {
    server.handleUpgrade(exchange.request, upgrade.socket, upgrade.head, socket => {
      socket.on('error', () => socket.terminate());
      if (chosen !== undefined) Object.defineProperty(socket, 'protocol', { value: chosen });
      resolve(socket);
    });
  });
}

function reject({ request, response, upgrade }: Exchange, status: string): undefined {
  response.detachSocket(request.socket);
  upgrade?.socket.end(`HTTP/1.1 ${status}\r\n\r\n`);
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
