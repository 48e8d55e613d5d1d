import { connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { PassThrough } from 'node:stream';
import { createWebSocketStream, type WebSocket } from 'ws';
import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import type { Exchange } from './exchange.js';
import type { KubeObject } from './objects.js';
import { requireUpgrade } from './remote-command.js';
import { SpdyConnection, type SpdyStream } from './spdy-connection.js';
import { acceptSpdy } from './spdy-upgrade.js';
import { badRequest } from './status-failure.js';
import { acceptWebSocket, messageBytes, sendMessage } from './websocket-channels.js';
import { findObject } from './write.js';

const spdyProtocol = 'portforward.k8s.io';
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';
const channelProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'];

/** A pod's annotation `port-forward.test/PORT: "N"` leads connections to that port to 127.0.0.1:N; other ports echo. */
const annotationPrefix = 'port-forward.test/';

/** Connects to the target of a port of the pod. */
function dial(pod: KubeObject, port: number): Duplex {
  const target = pod.metadata.annotations?.[`${annotationPrefix}${port}`];
  if (target === undefined) return new PassThrough();
  return connect({ host: '127.0.0.1', port: Number(target), allowHalfOpen: true });
}

/** Copies bytes in both directions with half-close. When one side breaks, the other is destroyed. Reports errors of the target. */
function splice(client: Duplex, target: Duplex, report: (message: string) => void): void {
  client.pipe(target).pipe(client);
  target.once('error', error => {
    report(error.message);
    client.end();
  });
  client.once('close', () => {
    if (!client.readableEnded || !client.writableFinished) target.destroy();
  });
  target.once('close', () => {
    if (!client.writableEnded) client.end();
  });
  (target as Partial<Socket>).setNoDelay?.(true);
}

/** Serves the pairs of an error and a data stream that a client opens, matched by their requestid header. */
function serveConnection(pod: KubeObject, connection: SpdyConnection): void {
  const waiting = new Map<string, SpdyStream>();
  connection.on('stream', stream => {
    const id = stream.header('requestid');
    const other = waiting.get(id);
    if (!other) {
      waiting.set(id, stream);
      return;
    }
    waiting.delete(id);
    const [data, error] = stream.header('streamtype') === 'data' ? [stream, other] : [other, stream];
    const port = Number(data.header('port'));
    error.resume();
    const report = (message: string) => {
      error.write(`error forwarding port ${port} to pod ${pod.metadata.uid}: ${message}`);
    };
    splice(data, dial(pod, port), report);
    data.once('close', () => error.end());
  });
}

/** The older WebSocket form: two channels per port, data and error, each opened by a message with the port number. */
function serveChannels(pod: KubeObject, ports: readonly number[], socket: WebSocket): void {
  const base64 = socket.protocol.includes('base64');
  const send = (channel: number, data: Buffer) =>
    sendMessage(
      socket,
      base64
        ? `${String.fromCharCode(48 + channel)}${data.toString('base64')}`
        : Buffer.concat([Buffer.from([channel]), data]),
    ).catch(() => {});
  const targets = ports.map((port, index) => {
    const target = dial(pod, port);
    const number = Buffer.alloc(2);
    number.writeUInt16LE(port);
    void send(index * 2, number);
    void send(index * 2 + 1, number);
    target.on('data', (data: Buffer) => {
      target.pause();
      void send(index * 2, data).then(() => target.resume());
    });
    target.once('error', error => void send(index * 2 + 1, Buffer.from(error.message)));
    return target;
  });
  socket.on('message', raw => {
    const message = messageBytes(raw);
    const channel = (message[0] ?? 0) - (base64 ? 48 : 0);
    const data = base64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
    if (channel % 2 === 0) targets[channel / 2]?.write(data);
  });
  socket.once('close', () => {
    for (const target of targets) target.destroy();
  });
}

/** Answers pods/portforward over SPDY, over SPDY inside WebSocket messages (KEP-4006), or over WebSocket channels. */
export async function servePortForward(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
): Promise<void> {
  const pod = findObject(cluster, type, exchange);
  const { upgrade, protocol } = requireUpgrade(exchange);
  if (protocol === 'spdy/3.1') {
    const accepted = acceptSpdy(exchange, upgrade, [spdyProtocol]);
    if (accepted) serveConnection(pod, accepted.connection);
    return;
  }
  const socket = await acceptWebSocket(exchange, upgrade, [tunnelProtocol, ...channelProtocols]);
  if (!socket) throw badRequest('no subprotocol that the client offers is known here');
  if (socket.protocol === tunnelProtocol) {
    serveConnection(pod, new SpdyConnection(createWebSocketStream(socket), Buffer.alloc(0)));
    return;
  }
  serveChannels(
    pod,
    exchange.query.getAll('ports').flatMap(list => list.split(',').map(Number)),
    socket,
  );
}
