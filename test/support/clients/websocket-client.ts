import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { eventually } from '../eventually.js';
import type { Scope } from '../scope.js';

/** How a WebSocket is opened. */
export interface WebSocketQuestion {
  /** Fields in place of the usual ones, or besides them; undefined for one that is left out. */
  readonly fields?: Readonly<Record<string, string | undefined>>;
  /** What it sends behind its request, before there is an answer. */
  readonly early?: Buffer;
  /** What the server's certificate is checked with, and the client's own. */
  readonly tls?: tls.ConnectionOptions;
}

/** A frame of a server. */
export interface ServerFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

const usual = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  Origin: 'http://localhost',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** A client of a WebSocket that shows and sends each byte. */
export class RawWebSocket {
  readonly socket: net.Socket;
  #chunks: Buffer[] = [];
  /** How the connection has ended; undefined while it is open. */
  ended: 'end' | 'error' | undefined;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket
      .on('data', chunk => this.#chunks.push(chunk))
      .on('end', () => {
        this.ended ??= 'end';
      })
      .on('error', () => {
        this.ended = 'error';
      });
  }

  /** Asks for it, and waits for the head of the answer. It is cut at the end of the scope. */
  static async open(t: Scope, url: string, question: WebSocketQuestion = {}): Promise<RawWebSocket> {
    const { protocol, hostname, host, port, pathname, search } = new URL(url);
    const to = { host: hostname, port: Number(port), allowHalfOpen: true };
    const isSecure = protocol === 'https:';
    const socket = isSecure
      ? tls.connect({ ...to, ALPNProtocols: ['http/1.1'], ...question.tls })
      : net.connect(to);
    t.after(() => void socket.destroy());
    await once(socket, isSecure ? 'secureConnect' : 'connect');
    socket.setNoDelay(true);
    const opened = new RawWebSocket(socket);
    const fields = Object.entries({ Host: host, ...usual, ...question.fields })
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `GET ${pathname}${search} HTTP/1.1\r\n${fields.join('')}\r\n`;
    socket.write(Buffer.concat([Buffer.from(head), question.early ?? Buffer.alloc(0)]));
    await eventually('the head of the answer', () => opened.#headEnd > 0 || opened.ended !== undefined);
    return opened;
  }

  get #all(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get #headEnd(): number {
    const at = this.#all.indexOf('\r\n\r\n');
    return at === -1 ? 0 : at + 4;
  }

  /** The head of the answer. */
  get head(): string {
    return this.#all.subarray(0, this.#headEnd).toString('latin1');
  }

  /** All bytes behind the head. */
  get bytes(): Buffer {
    return this.#all.subarray(this.#headEnd);
  }

  /** The whole frames so far. */
  get frames(): ServerFrame[] {
    return serverFrames(this.bytes);
  }

  /** Sends a frame with a mask, whole unless `isLast` is false. */
  send(opcode: number, payload: Buffer | string = '', isLast = true): void {
    this.socket.write(clientFrame(opcode, payload, isLast));
  }
}

/** A frame of a client. */
export function clientFrame(opcode: number, payload: Buffer | string, isLast = true): Buffer {
  const mask = Buffer.from([0x81, 0x02, 0xff, 0x04]);
  const bytes = Buffer.from(payload as string);
  const head = Buffer.alloc(bytes.length < 126 ? 2 : 4);
  head[0] = (isLast ? 0x80 : 0) | opcode;
  head[1] = 0x80 | Math.min(bytes.length, 126);
  if (head.length === 4) head.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([head, mask, bytes.map((byte, index) => byte ^ (mask[index % 4] as number))]);
}

/** The whole frames at the beginning of these bytes. */
export function serverFrames(bytes: Buffer): ServerFrame[] {
  const frames: ServerFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const short = bytes[at + 1] as number;
    const head = short === 126 ? 4 : short === 127 ? 10 : 2;
    if (at + head > bytes.length) break;
    const length =
      short === 126
        ? bytes.readUInt16BE(at + 2)
        : short === 127
          ? Number(bytes.readBigUInt64BE(at + 2))
          : short;
    const end = at + head + length;
    if (end > bytes.length) break;
    frames.push({ opcode: bytes[at] as number, payload: bytes.subarray(at + head, end) });
    at = end;
  }
  return frames;
}
