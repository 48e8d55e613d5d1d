import { once } from 'node:events';
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { patience } from '../eventually.js';
import { plain } from './hpack.js';

/** The bytes before a client's first frame. */
export const connectionPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Types of frames (RFC 9113, section 6). */
export const frameTypes = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of frames; the first has two meanings. */
export const flags = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

/** A frame as received. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** A frame's bytes. */
export function frame(type: number, flag: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Header fields as HPACK literals that are never indexed and never compressed (RFC 7541, section 6.2.3). */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const parts = fields.flatMap(([name, value]) => [Buffer.from([0x10]), plain(name), plain(value)]);
  return Buffer.concat(parts);
}

/** A number of four bytes, as in frames. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A SETTINGS frame with these pairs of identifier and value. */
export function settingsFrame(...settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const parts = settings.flatMap(([id, value]) => [Buffer.from([id >> 8, id & 255]), uint32(value)]);
  return frame(frameTypes.settings, 0, 0, Buffer.concat(parts));
}

/** The pseudo-header fields of a GET. */
export function get(path: string): [string, string][] {
  return [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'localhost'],
    [':path', path],
  ];
}

/** A connection that sends the test's frames, valid or not. */
export type FrameConnection<S extends Socket = tls.TLSSocket> = ReturnType<typeof watchFrames<S>>;

/** Opens such a connection to a port of 127.0.0.1; by default it sends the preface and empty SETTINGS. */
export async function connectFrames(
  port: number,
  ca: string,
  { preface = true }: { readonly preface?: boolean } = {},
): Promise<FrameConnection> {
  const socket = tls.connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const connection = watchFrames(socket);
  if (preface) connection.send(Buffer.from(connectionPreface), frame(frameTypes.settings, 0, 0));
  return connection;
}

/** Sends the preface and a first head one byte at a time, but never the last byte. Returns a function that stops this. */
export function dripFirstHead(connection: FrameConnection, interval: number): () => void {
  const bytes = Buffer.concat([
    Buffer.from(connectionPreface),
    frame(frameTypes.settings, 0, 0),
    frame(frameTypes.headers, flags.endHeaders + flags.endStream, 1, headerBlock(get('/version'))),
  ]);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < bytes.length - 1) connection.send(bytes.subarray(sent, ++sent));
  }, interval);
  return () => clearInterval(timer);
}

/** Reads the frames that come over a socket, after this number of bytes before the first frame. */
export function watchFrames<S extends Socket>(socket: S, skipped = 0) {
  const frames: Frame[] = [];
  let bytes = Buffer.alloc(0);
  let left = skipped;
  socket.on('data', chunk => {
    bytes = Buffer.concat([bytes, chunk.subarray(left)]);
    left = Math.max(0, left - chunk.length);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const length = bytes.readUIntBE(0, 3);
      frames.push({
        type: bytes.readUInt8(3),
        flags: bytes.readUInt8(4),
        stream: bytes.readUInt32BE(5) & 0x7fffffff,
        payload: bytes.subarray(9, 9 + length),
      });
      bytes = bytes.subarray(9 + length);
    }
    socket.emit('progress');
  });
  let ended = false;
  const finish = () => {
    ended = true;
    socket.emit('progress');
  };
  socket.on('end', finish).on('close', finish).on('error', finish);

  const waitFor = async <T>(what: string, timeout: number, look: () => T | undefined): Promise<T> => {
    const signal = AbortSignal.timeout(timeout);
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await once(socket, 'progress', { signal }).catch(() => {
        throw new Error(`${what}: not within ${timeout} ms`);
      });
    }
  };
  const send = (...parts: Buffer[]): void => void socket.write(Buffer.concat(parts));
  return {
    socket,
    /** All frames received so far. */
    frames: frames as readonly Frame[],
    send,
    /** Sends a whole head as HEADERS. */
    head(stream: number, fields: readonly (readonly [string, string])[], endStream = true): void {
      const flag = flags.endHeaders + (endStream ? flags.endStream : 0);
      send(frame(frameTypes.headers, flag, stream, headerBlock(fields)));
    },
    /** Waits for a frame; rejects if the connection ends first. */
    until: (what: string, matches: (frame: Frame) => boolean, timeout = patience): Promise<Frame> =>
      waitFor(what, timeout, () => {
        const found = frames.find(matches);
        if (found === undefined && ended) throw new Error(`${what}: the connection ended before`);
        return found;
      }),
    /** Waits for the end of the connection, for at most `timeout` milliseconds. */
    async closed(timeout = patience): Promise<void> {
      await waitFor('the end of the connection', timeout, () => (ended ? true : undefined));
    },
  };
}
