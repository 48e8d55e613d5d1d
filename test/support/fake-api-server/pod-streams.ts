import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { acceptWebSocket } from './answer-stream.js';
import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, sendText } from './exchange.js';
import { isTrue } from './request-attributes.js';
import { badRequest } from './status-failure.js';
import { findObject } from './write.js';

const channels = { stdin: 0, stdout: 1, error: 3, close: 255 } as const;
/** What a command and what a forwarded port speak over each kind of upgrade. */
const protocols = {
  websocket: { command: 'v5.channel.k8s.io', ports: 'SPDY/3.1+portforward.k8s.io' },
  'spdy/3.1': { command: 'v4.channel.k8s.io', ports: 'portforward.k8s.io' },
} as const;

/**
 * The minimum time in milliseconds that a container runtime needs to start a process. kubectl loses bytes that come before it has created its streams: "Unknown
 * stream id 1, discarding message" (client-go `tools/remotecommand/websocket.go`).
 */
export const startTime = 50;

/**
 * Answers pods/exec, pods/attach and pods/portforward, as far as a client sees that it has a stream and that bytes pass. Over WebSocket
 * `echo` writes its words, `cat` and an attach send their input back, and all other commands end at once. A port, and SPDY after its
 * upgrade, only read. What kubectl does with such streams is shown at a real API server (test/apiserver/streams.test.ts).
 */
export async function servePodStreams(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
): Promise<void> {
  findObject(cluster, type, exchange);
  const { query, request, response, upgrade, attributes } = exchange;
  const { subresource } = attributes;
  if (subresource !== 'portforward' && !['stdin', 'stdout', 'stderr'].some(name => isTrue(query.get(name)))) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  const kind = request.headers.upgrade?.toLowerCase();
  if (upgrade === undefined || (kind !== 'websocket' && kind !== 'spdy/3.1')) {
    throw badRequest('Upgrade request required');
  }
  const protocol = protocols[kind][subresource === 'portforward' ? 'ports' : 'command'];
  if (kind === 'spdy/3.1') {
    const offered = `${request.headers['x-stream-protocol-version']}`;
    if (!offered.split(/, */).includes(protocol)) {
      sendText(
        exchange,
        403,
        `unable to upgrade: client supports [${offered}], server accepts [${protocol}]\n`,
      );
      return;
    }
    response.detachSocket(request.socket);
    const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n';
    upgrade.socket.write(`${head}X-Stream-Protocol-Version: ${protocol}\r\n\r\n`);
    upgrade.socket.resume().once('end', () => upgrade.socket.end());
    return;
  }
  const socket = await acceptWebSocket(exchange, upgrade, [protocol]);
  if (socket === undefined) throw badRequest('no subprotocol that the client offers is known here');
  socket.pause();
  await sleep(startTime);
  if (subresource === 'attach') echo(socket);
  else if (subresource === 'exec') run(query.getAll('command'), socket);
  socket.resume();
}

function send(socket: WebSocket, channel: number, text: string | Buffer): void {
  socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));
}

function run([program = '', ...words]: readonly string[], socket: WebSocket): void {
  if (program === 'cat') {
    echo(socket);
    return;
  }
  if (program === 'echo') send(socket, channels.stdout, `${words.join(' ')}\n`);
  succeed(socket);
}

/** Sends input back until it ends. */
function echo(socket: WebSocket): void {
  socket.on('message', (message: Buffer) => {
    if (message[0] === channels.stdin) send(socket, channels.stdout, message.subarray(1));
    else if (message[0] === channels.close) succeed(socket);
  });
}

function succeed(socket: WebSocket): void {
  send(socket, channels.error, '{"metadata":{},"status":"Success"}');
  socket.close(1000);
}
