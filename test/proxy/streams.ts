import net, { type Socket } from 'node:net';
import { after } from 'node:test';
import { connectRaw, type RawConnection } from '../support/clients/raw-http.js';
import { listenFor } from '../support/ports.js';
import { type ProxyAppOptions, startProxyApp } from './proxy-app.js';

/** The client of a request, and the API server's end of it. */
interface Begun {
  readonly client: RawConnection;
  readonly upstream: Socket;
}

/**
 * Starts a proxy whose API server reads a request, and writes what the test tells it to. Returns what sends a request that the API server
 * answers with these bytes. Everything ends after the tests of the file.
 */
export async function startStreams(options: Pick<ProxyAppOptions, 'follower' | 'routes'>) {
  let onRequest: (socket: Socket) => void = () => {};
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {});
    socket.once('data', () => onRequest(socket));
  });
  const clients: RawConnection[] = [];
  const app = await startProxyApp({
    ...{ upstreamPort: await listenFor({ after }, server), patience: 600_000 },
    ...options,
  });
  after(async () => {
    for (const client of clients) client.destroy();
    await app.close();
  });
  return async (target: string, answer: string | Buffer, fields = ''): Promise<Begun> => {
    const arrived = new Promise<Socket>(resolve => {
      onRequest = resolve;
    });
    const client = await connectRaw(app.port);
    clients.push(client);
    client.write(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`);
    const upstream = await arrived;
    upstream.write(answer);
    return { client, upstream };
  };
}

/** Bytes in a chunk of an answer. */
export const chunk = (text: string | Buffer) =>
  Buffer.concat([
    Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n`),
    Buffer.from(text),
    Buffer.from('\r\n'),
  ]);

/** A frame of a WebSocket with this first byte, from a server. */
export const message = (first: number, payload: Buffer) =>
  Buffer.concat([
    Buffer.from([first, ...(payload.length < 126 ? [] : [126, payload.length >> 8]), payload.length & 255]),
    payload,
  ]);

/** The frame that closes a WebSocket. */
export const closing = (code: number, reason = '') =>
  message(0x88, Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]));
