import { createHash } from 'node:crypto';
import { Duplex } from 'node:stream';
import { fieldValue, type RawHeaders } from '../../http/header-fields.js';
import { StatusError } from '../../kubernetes/status.js';
import type { ResponseSink, SwitchedSocket } from '../../transport/round-trip.js';
import { failWith } from './answers.js';
import type { WatchOutput } from './namespace-watch.js';

/** RFC 6455, section 1.3. */
const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** RFC 6455, section 5.2. */
const opcodes = { text: 0x1, close: 0x8, ping: 0x9, pong: 0xa } as const;
const normalClosure = Buffer.from([0x03, 0xe8]);

/** A watch as a WebSocket: each event is one message of text, as the API server sends JSON (apiserver `endpoints/handlers/watch.go`). */
export class EventSocket implements WatchOutput {
  readonly #sink: ResponseSink;
  readonly #headers: readonly string[];
  readonly #socket: ServerSide;

  /**
   * @param headers Of the request, as the API server would get them.
   * @param control Stops and continues what brings the events.
   */
  constructor(sink: ResponseSink, headers: RawHeaders, auditId: readonly string[], control: SocketControl) {
    this.#sink = sink;
    this.#headers = [...switchingFields(headers), ...auditId];
    this.#socket = new ServerSide(control);
  }

  begin(): void {
    this.#sink.switched?.({
      statusMessage: 'Switching Protocols',
      headers: this.#headers,
      socket: this.#socket,
      head: Buffer.alloc(0),
    });
  }

  event(line: string): void {
    this.#socket.send(opcodes.text, Buffer.from(line));
  }

  end(): void {
    this.#socket.close();
  }

  fail(error: Error): void {
    if (this.#socket.hasSent) this.end();
    else failWith(this.#sink, error);
  }
}

/**
 * The fields of the answer that switches protocols. Of several subprotocols it names the first one: the API server's watches have none of
 * their own. Throws a StatusError for what is no handshake of a WebSocket.
 */
function switchingFields(headers: RawHeaders): readonly string[] {
  const key = fieldValue(headers, 'sec-websocket-key');
  if (key === undefined || fieldValue(headers, 'sec-websocket-version') !== '13')
    throw new StatusError(400, 'a WebSocket needs Sec-WebSocket-Version 13 and a key');
  const accept = createHash('sha1')
    .update(key.trim() + guid)
    .digest('base64');
  const [protocol = ''] = (fieldValue(headers, 'sec-websocket-protocol') ?? '').split(',', 1);
  return [
    ...['Upgrade', 'websocket', 'Connection', 'Upgrade', 'Sec-WebSocket-Accept', accept],
    ...(protocol.trim() === '' ? [] : ['Sec-WebSocket-Protocol', protocol.trim()]),
  ];
}

/** What brings the events of a socket. */
export interface SocketControl {
  pause(): void;
  resume(): void;
  abort(): void;
}

/** The server's side of a WebSocket: writes messages, ignores those of the client, answers its pings and its close. */
class ServerSide extends Duplex implements SwitchedSocket {
  readonly #control: SocketControl;
  readonly #frames = new ControlFrames();
  #isPaused = false;
  #isClosed = false;
  hasSent = false;

  constructor(control: SocketControl) {
    super({ allowHalfOpen: false });
    this.#control = control;
  }

  send(opcode: number, payload: Buffer): void {
    if (this.#isClosed || this.destroyed) return;
    this.hasSent = true;
    if (this.push(frame(opcode, payload)) || this.#isPaused) return;
    this.#isPaused = true;
    this.#control.pause();
  }

  /** Says goodbye, and ends. */
  close(): void {
    if (this.#isClosed) return;
    this.send(opcodes.close, normalClosure);
    this.#isClosed = true;
    this.push(null);
  }

  destroySoon(): void {
    this.end(() => this.destroy());
  }

  override _read(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#control.resume();
  }

  override _write(bytes: Buffer, _encoding: unknown, done: () => void): void {
    for (const { opcode, payload } of this.#frames.read(bytes)) {
      if (opcode === opcodes.ping) this.send(opcodes.pong, payload);
      else if (opcode === opcodes.close) {
        this.#control.abort();
        this.close();
      }
    }
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#control.abort();
    done(error);
  }
}

function frame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  if (head.length === 2) head[1] = length;
  else if (head.length === 4) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The most bytes of a head with its mask, and of the payload of a control frame. */
const mostHead = 14;
const mostControl = 125;

/** Reads the control frames of a client. It skips the payloads of all others, and keeps no more bytes than a control frame has. */
class ControlFrames {
  #kept = Buffer.alloc(0);
  /** Bytes that are skipped. */
  #skipped = 0n;

  read(bytes: Buffer): Frame[] {
    const frames: Frame[] = [];
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#skipped > 0n) {
        const count = this.#skipped < BigInt(rest.length) ? Number(this.#skipped) : rest.length;
        this.#skipped -= BigInt(count);
        rest = rest.subarray(count);
        continue;
      }
      const taken = rest.subarray(0, mostHead + mostControl - this.#kept.length);
      const all = Buffer.concat([this.#kept, taken]);
      const used = this.#frame(all, frames);
      if (used === undefined) {
        this.#kept = all;
        return frames;
      }
      rest = rest.subarray(used - this.#kept.length);
      this.#kept = Buffer.alloc(0);
    }
    return frames;
  }

  /** How many bytes a frame takes, or the head of one whose payload is skipped; undefined if there are too few. */
  #frame(bytes: Buffer, frames: Frame[]): number | undefined {
    if (bytes.length < 2) return undefined;
    const opcode = (bytes[0] as number) & 0x0f;
    const second = bytes[1] as number;
    const short = second & 0x7f;
    const start = 2 + (short === 127 ? 8 : short === 126 ? 2 : 0);
    const maskLength = second & 0x80 ? 4 : 0;
    const head = start + maskLength;
    if (bytes.length < head) return undefined;
    const length =
      short === 127 ? bytes.readBigUInt64BE(2) : BigInt(short === 126 ? bytes.readUInt16BE(2) : short);
    if (opcode < opcodes.close || length > mostControl) {
      this.#skipped = length;
      return head;
    }
    const end = head + Number(length);
    if (bytes.length < end) return undefined;
    const mask = bytes.subarray(start, head);
    const payload = Buffer.from(bytes.subarray(head, end));
    if (maskLength > 0)
      for (let at = 0; at < payload.length; at += 1)
        payload[at] = (payload[at] as number) ^ (mask[at % 4] as number);
    frames.push({ opcode, payload });
    return end;
  }
}
