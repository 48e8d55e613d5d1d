import { setTimeout as sleep } from 'node:timers/promises';
import type { WebSocket } from 'ws';
import { isTrue } from '../../../src/kubernetes/query.js';
import { acceptWebSocket } from './answer-stream.js';
import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import { type Exchange, sendJson, sendText } from './exchange.js';
import { badRequest } from './status-failure.js';
import { findObject } from './write.js';

const channels = { stdin: 0, stdout: 1, error: 3, close: 255 } as const;

/**
 * The minimum time in milliseconds that a container runtime needs to start a process. kubectl loses bytes that come before it has created its streams: "Unknown
 * stream id 1, discarding message" (client-go `tools/remotecommand/websocket.go`).
 */
export const startTime = 50;

/**
 * Answers pods/exec, pods/attach and pods/portforward, as far as a client sees that it has a stream and that bytes pass. Over WebSocket, in
 * the protocol that the client offers first, `echo` writes its words, `cat` and an attach send their input back, and all other commands end at once. A port, and
 * SPDY after its upgrade, only read. What kubectl does with such streams is shown at a real API server (test/apiserver/streams.test.ts).
 */
export async function servePodStreams(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
): Promise<void> {
  findObject(cluster, type, exchange);
  const { query, request, upgrade, attributes } = exchange;
  const { subresource } = attributes;
  if (
    subresource !== 'portforward' &&
    !['stdin', 'stdout', 'stderr'].some(name => isTrue(query.get(name) ?? undefined))
  ) {
    throw badRequest('you must specify at least 1 of stdin, stdout, stderr');
  }
  const kind = request.headers.upgrade?.toLowerCase();
  if (upgrade === undefined || (kind !== 'websocket' && kind !== 'spdy/3.1')) {
    throw badRequest('Upgrade request required');
  }
  if (kind === 'spdy/3.1') {
    const accepted = subresource === 'portforward' ? 'portforward.k8s.io' : 'v4.channel.k8s.io';
    const offered = `${request.headers['x-stream-protocol-version']}`;
    if (!offered.split(/, */).includes(accepted)) {
      const message = `unable to upgrade: client supports [${offered}], server accepts [${accepted}]\n`;
      sendText(exchange, 403, message);
      return;
    }
    switchTo(exchange, upgrade, 'SPDY/3.1', `X-Stream-Protocol-Version: ${accepted}\r\n`);
    upgrade.socket.resume().once('end', () => upgrade.socket.end());
    return;
  }
  const socket = await acceptWebSocket(exchange, upgrade);
  socket.pause();
  await sleep(startTime);
  const [program, ...words] = query.getAll('command');
  if (subresource === 'attach' || program === 'cat') echo(socket);
  else if (subresource === 'exec') {
    if (program === 'echo') send(socket, channels.stdout, `${words.join(' ')}\n`);
    succeed(socket);
  }
  socket.resume();
}

function switchTo({ request, response }: Exchange, { socket }: Upgrade, protocol: string, fields = ''): void {
  response.detachSocket(request.socket);
  const head = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
  socket.write(`${head}${fields}\r\n`);
}

type Upgrade = NonNullable<Exchange['upgrade']>;

function send(socket: WebSocket, channel: number, text: string | Buffer): void {
  socket.send(Buffer.concat([Buffer.from([channel]), Buffer.from(text)]));
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

/**
 * Answers any method below services/proxy, pods/proxy and nodes/proxy, whose object may be missing, with the request as it arrived. Over
 * WebSocket it sends every message back. With any other protocol it sends every byte back, and ends its output at the end of input.
 */
export async function serveProxyEcho(exchange: Exchange): Promise<void> {
  const { request, upgrade } = exchange;
  const { method, url: rawUrl, rawHeaders, headers } = request;
  if (upgrade === undefined) {
    for await (const _chunk of request) {
    }
    sendJson(exchange, 200, { method, rawUrl, rawHeaders });
  } else if (headers.upgrade?.toLowerCase() === 'websocket') {
    const socket = await acceptWebSocket(exchange, upgrade);
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  } else {
    switchTo(exchange, upgrade, `${headers.upgrade}`);
    upgrade.socket.write(upgrade.head);
    upgrade.socket.pipe(upgrade.socket);
  }
}
