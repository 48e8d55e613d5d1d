import { type WebSocket, WebSocketServer } from 'ws';
import type { Exchange } from './exchange.js';

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
