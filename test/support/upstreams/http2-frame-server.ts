import net, { type Socket } from 'node:net';
import tls from 'node:tls';
import { decodeHeaderBlock } from '../../../src/transport/http2/hpack.js';
import type { CertificateAuthority } from '../certificates/certificates.js';
import { until } from '../eventually.js';
import { listen } from '../ports.js';
import {
  connectionPreface,
  type Frame,
  flags,
  frame,
  frameTypes,
  settingsFrame,
  uint32,
  watchFrames,
} from './http2-frames.js';
import { openSockets } from './open-sockets.js';

/** A client's connection, which the test answers frame by frame. */
export type ServedConnection = ReturnType<typeof serveFrames>;

/** An HTTP/2 server that sends the test's frames, valid or not. */
export type FrameServer = Awaited<ReturnType<typeof startFrameServer>>;

/** The server's first SETTINGS, and the kind of its connections. */
export interface FrameServerOptions {
  /** The settings that each connection gets first; undefined means that none are sent. */
  readonly settings?: readonly (readonly [id: number, value: number])[] | undefined;
  /** Serves TLS with a certificate of this authority; clients that negotiate HTTP/1.1 get a 404 for everything. */
  readonly authority?: CertificateAuthority;
  readonly onConnection?: (connection: ServedConnection) => void;
}

/** Starts a server on a free port of 127.0.0.1. */
export async function startFrameServer(options: FrameServerOptions = {}) {
  const { settings = [], authority, onConnection } = options;
  const greets = !('settings' in options) || options.settings !== undefined;
  const accepted: ServedConnection[] = [];
  const serve = (socket: Socket) => {
    const connection = serveFrames(socket);
    if (greets) connection.send(settingsFrame(...settings));
    accepted.push(connection);
    onConnection?.(connection);
  };
  const server = await createListener(authority, serve);
  const sockets = openSockets(server);
  return {
    port: await listen(server),
    accepted: accepted as readonly ServedConnection[],
    /** The connection with this index, in the order of acceptance; waits for it. */
    async peer(index = 0): Promise<ServedConnection> {
      await until(() => accepted[index] !== undefined);
      return accepted[index] as ServedConnection;
    },
    close(): void {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function createListener(
  authority: CertificateAuthority | undefined,
  serve: (socket: Socket) => void,
): Promise<net.Server> {
  if (authority === undefined) return net.createServer({ allowHalfOpen: true, noDelay: true }, serve);
  const { certificate: cert, key } = await authority.server();
  return tls.createServer({ cert, key, ALPNProtocols: ['h2', 'http/1.1'] }, socket => {
    socket.on('error', () => {});
    if (socket.alpnProtocol === 'h2') serve(socket);
    else socket.on('data', () => socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}'));
  });
}

function serveFrames(socket: Socket) {
  socket.setMaxListeners(0);
  const connection = watchFrames(socket, connectionPreface.length);
  return {
    ...connection,
    /** The stream of the first past or future request for this path. */
    async request(path: string): Promise<number> {
      const { stream } = await connection.until(`the request for ${path}`, each => pathOf(each) === path);
      return stream;
    },
    /** Sends bytes of a body, in as many frames as they need. */
    data(stream: number, body: string | Buffer, endStream = false): void {
      const bytes = Buffer.from(body as string, 'latin1');
      for (let at = 0; at === 0 || at < bytes.length; at += 16_384) {
        const isLast = endStream && at + 16_384 >= bytes.length;
        const part = bytes.subarray(at, at + 16_384);
        connection.send(frame(frameTypes.data, isLast ? flags.endStream : 0, stream, part));
      }
    },
    reset: (stream: number, code: number): void =>
      connection.send(frame(frameTypes.rstStream, 0, stream, uint32(code))),
    goaway: (last: number, code = 0): void =>
      connection.send(frame(frameTypes.goaway, 0, 0, Buffer.concat([uint32(last), uint32(code)]))),
    /** The received frames of a type, for one stream or all. */
    of: (type: number, stream?: number): Frame[] =>
      connection.frames.filter(each => each.type === type && (stream ?? each.stream) === each.stream),
  };
}

/** The header fields of a HEADERS frame: name, value, name, value, … */
export function fieldsOf({ type, payload }: Frame): string[] {
  return (type === frameTypes.headers && decodeHeaderBlock(payload, 1 << 20)) || [];
}

function pathOf(request: Frame): string | undefined {
  const fields = fieldsOf(request);
  const index = fields.indexOf(':path');
  return index === -1 ? undefined : fields[index + 1];
}
