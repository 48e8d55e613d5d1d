import { PassThrough } from 'node:stream';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { Exchange } from './exchange.js';
import {
  type CommandStatus,
  type RemoteCommandOptions,
  type RemoteStreams,
  TerminalSizes,
} from './remote-streams.js';

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** The subprotocol of exec and attach, in which the client can half-close stdin. */
export const remoteCommandProtocol = 'v5.channel.k8s.io';

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
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
  });
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

/** The bytes of a message in any of the socket's types. */
function messageBytes(data: RawData): Buffer {
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer);
}

/** Sends one message; rejects if the connection has ended. */
export function sendMessage(socket: WebSocket, data: Buffer | string): Promise<void> {
  return new Promise((resolve, reject) => socket.send(data, error => (error ? reject(error) : resolve())));
}

/** Reads and writes the channels of one exec or attach session over WebSocket. */
export function websocketStreams(socket: WebSocket, options: RemoteCommandOptions): RemoteStreams {
  const stdin = new PassThrough();
  const terminalSize = new TerminalSizes();
  const gone = new AbortController();
  const send = (channel: number, data: Buffer) =>
    sendMessage(socket, Buffer.concat([Buffer.from([channel]), data]));
  socket.on('message', raw => {
    const message = messageBytes(raw);
    const [channel] = message;
    const data = message.subarray(1);
    if (channel === channels.resize) {
      terminalSize.receive(data.toString());
    } else if (channel === channels.close) {
      if (data[0] === channels.stdin) stdin.end();
    } else if (channel === channels.stdin && data.length > 0 && !stdin.writableEnded && !stdin.write(data)) {
      socket.pause();
      stdin.once('drain', () => socket.resume());
    }
  });
  socket.once('close', () => {
    gone.abort();
    stdin.end();
  });
  // An empty message tells the client that the session is open before there is any output.
  const first = options.stdout ? channels.stdout : options.stderr ? channels.stderr : channels.error;
  send(first, Buffer.alloc(0)).catch(() => {});
  return {
    stdin,
    terminalSize,
    signal: gone.signal,
    writeStdout: data => send(channels.stdout, data),
    writeStderr: data => send(channels.stderr, data),
    finish: async (status: CommandStatus) => {
      // Input that the command did not read would block the closing handshake after it.
      stdin.resume();
      await send(channels.error, Buffer.from(JSON.stringify(status)));
      socket.close(1000);
    },
  };
}
