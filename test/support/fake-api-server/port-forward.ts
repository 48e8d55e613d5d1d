import { connect, type Socket } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { createWebSocketStream } from 'ws';
import type { Cluster } from './cluster.js';
import type { ResourceType } from './discovery.js';
import type { Exchange } from './exchange.js';
import type { KubeObject } from './objects.js';
import { requireUpgrade } from './remote-command.js';
import { SpdyConnection, type SpdyStream } from './spdy-connection.js';
import { acceptSpdy } from './spdy-upgrade.js';
import { badRequest } from './status-failure.js';
import { acceptWebSocket } from './websocket-channels.js';
import { findObject } from './write.js';

const spdyProtocol = 'portforward.k8s.io';
const tunnelProtocol = 'SPDY/3.1+portforward.k8s.io';

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

/** Answers pods/portforward over SPDY, or over SPDY inside WebSocket messages (KEP-4006). */
export async function servePortForward(
  cluster: Cluster,
  type: ResourceType,
  exchange: Exchange,
): Promise<void> {
  const pod = findObject(cluster, type, exchange);
  const { upgrade, protocol } = requireUpgrade(exchange);
  if (protocol === 'spdy/3.1') {
    const connection = acceptSpdy(exchange, upgrade, spdyProtocol);
    if (connection) serveConnection(pod, connection);
    return;
  }
  const socket = await acceptWebSocket(exchange, upgrade, [tunnelProtocol]);
  if (!socket) throw badRequest('no subprotocol that the client offers is known here');
  if (socket.protocol !== tunnelProtocol) socket.close();
  else serveConnection(pod, new SpdyConnection(createWebSocketStream(socket), Buffer.alloc(0)));
}
