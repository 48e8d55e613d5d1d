import { createHash } from 'node:crypto';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Exchange, sendFailure, sendJson } from './exchange.js';

/** The answer of services/proxy, pods/proxy and nodes/proxy: the request as it arrived. */
export interface ProxyEcho {
  readonly method: string;
  readonly rawUrl: string;
  /** Names and values alternately, in their order and case. */
  readonly rawHeaders: readonly string[];
  readonly bodyBytes: number;
  /** Hex digest of the body. */
  readonly sha256: string;
}

const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

function echoMessages(socket: WebSocket): void {
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/** Over WebSocket it sends every message back. With any other protocol it sends every byte back, and ends its output at the end of input. */
function serveUpgrade(exchange: Exchange, upgrade: NonNullable<Exchange['upgrade']>): void {
  const { request, response } = exchange;
  const protocol = request.headers.upgrade ?? '';
  const { socket, head } = upgrade;
  response.detachSocket(request.socket);
  if (protocol.toLowerCase() === 'websocket') {
    webSockets.handleUpgrade(request, socket, head, echoMessages);
    return;
  }
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
  socket.write(head);
  socket.pipe(socket);
}

/** Answers any method below a proxy subresource with a ProxyEcho as JSON. The object may be missing. */
export async function serveProxyEcho(exchange: Exchange): Promise<void> {
  const { request, upgrade } = exchange;
  if (upgrade) {
    serveUpgrade(exchange, upgrade);
    return;
  }
  const hash = createHash('sha256');
  let bodyBytes = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bodyBytes += chunk.length;
      hash.update(chunk);
    }
  } catch (error) {
    sendFailure(exchange, error);
    return;
  }
  const { method = '', url: rawUrl = '', rawHeaders } = request;
  const sha256 = hash.digest('hex');
  const echo: ProxyEcho = { method, rawUrl, rawHeaders, bodyBytes, sha256 };
  sendJson(exchange, 200, echo);
}
