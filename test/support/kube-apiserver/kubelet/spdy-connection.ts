import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { emptyHeaderBlocks, SpdyHeaderReader, type SpdyHeaders } from './spdy-headers.js';

const frameTypes = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7 } as const;
const finFlag = 1;
const maxData = 32 * 1024;
const cancel = 5;

function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4);
  return bytes;
}

/** One stream that the client opened: its headers, and its bytes in both directions. Either side can be half-closed. */
export class SpdyStream extends Duplex {
  readonly #connection: SpdyConnection;
  #resume: (() => void) | undefined;
  #ended = false;

  constructor(
    connection: SpdyConnection,
    readonly id: number,
    readonly headers: SpdyHeaders,
  ) {
    super({ allowHalfOpen: true });
    this.#connection = connection;
    this.on('error', () => {});
  }

  /** The first value of a header, or ''. */
  header(name: string): string {
    return this.headers.get(name)?.[0] ?? '';
  }

  /** Passes bytes from the connection on; resolves when the stream can receive more. */
  receive(data: Buffer, fin: boolean): Promise<void> | undefined {
    const room = data.length === 0 || this.#ended || this.push(data);
    if (fin && !this.#ended) {
      this.#ended = true;
      this.push(null);
    }
    if (room || this.destroyed) return undefined;
    return new Promise(resolve => {
      this.#resume = resolve;
    });
  }

  override _read(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#connection.sendData(this.id, chunk, false).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#connection.sendData(this.id, Buffer.alloc(0), true).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#resume?.();
    this.#connection.forget(this.id, !this.writableFinished);
    done(error);
  }
}

/**
 * The server's side of SPDY/3.1 as Kubernetes uses it: the client opens the streams, there is no flow control (as in moby/spdystream),
 * and pings are answered. Emits 'stream' for each SpdyStream and 'close' once. No bytes of the peer make it throw.
 */
export class SpdyConnection extends EventEmitter<{ stream: [SpdyStream]; close: [] }> {
  readonly #transport: Duplex;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #reader = new SpdyHeaderReader();
  #hasReplied = false;

  constructor(transport: Duplex, head: Buffer) {
    super();
    this.#transport = transport;
    transport.on('error', () => transport.destroy());
    transport.once('close', () => this.#close());
    // The first bytes may already open streams, so the caller needs time to add its listeners.
    queueMicrotask(() => void this.#run(head));
  }

  /** Sends bytes of a stream. Resolves when the transport has accepted them, and rejects if it has ended. */
  async sendData(id: number, data: Buffer, fin: boolean): Promise<void> {
    for (let at = 0; at < data.length || (fin && at === 0); at += maxData) {
      const part = data.subarray(at, at + maxData);
      const last = fin && at + maxData >= data.length;
      await this.#send(Buffer.concat([uint32(id, ((last ? finFlag : 0) << 24) | part.length), part]));
    }
  }

  /** Drops a finished stream; with `reset`, sends RST_STREAM to the peer. */
  forget(id: number, reset: boolean): void {
    if (this.#streams.delete(id) && reset) this.#control(frameTypes.rstStream, uint32(id, cancel));
  }

  /** Ends the connection after all bytes written so far. */
  end(): void {
    this.#transport.end();
  }

  async #run(head: Buffer): Promise<void> {
    let pending: Buffer = head;
    try {
      pending = await this.#consume(pending);
      for await (const chunk of this.#transport as AsyncIterable<Buffer>) {
        pending = await this.#consume(pending.length > 0 ? Buffer.concat([pending, chunk]) : chunk);
      }
    } catch {
      this.#transport.destroy();
    }
    for (const stream of this.#streams.values()) stream.receive(Buffer.alloc(0), true);
    this.#transport.end();
  }

  /** Handles every complete frame and returns the remaining bytes. */
  async #consume(bytes: Buffer): Promise<Buffer> {
    let rest = bytes;
    while (rest.length >= 8) {
      const size = 8 + (rest.readUInt32BE(4) & 0xffffff);
      if (rest.length < size) break;
      await this.#frame(rest.readUInt32BE(0), rest[4] ?? 0, rest.subarray(8, size));
      rest = rest.subarray(size);
    }
    return rest;
  }

  async #frame(word: number, flags: number, payload: Buffer): Promise<void> {
    const fin = (flags & finFlag) !== 0;
    if (word >>> 31 === 0) {
      await this.#streams.get(word)?.receive(payload, fin);
      return;
    }
    const type = word & 0xffff;
    const id = payload.length >= 4 ? payload.readUInt32BE(0) & 0x7fffffff : 0;
    if (type === frameTypes.synStream) {
      this.#open(id, this.#reader.read(payload.subarray(10)), fin);
    } else if (type === frameTypes.rstStream) {
      const stream = this.#streams.get(id);
      this.#streams.delete(id);
      stream?.destroy();
    } else if (type === frameTypes.ping) {
      this.#control(frameTypes.ping, payload);
    }
  }

  #open(id: number, headers: SpdyHeaders, fin: boolean): void {
    const stream = new SpdyStream(this, id, headers);
    this.#streams.set(id, stream);
    const block = emptyHeaderBlocks[this.#hasReplied ? 'next' : 'first'];
    this.#hasReplied = true;
    this.#control(frameTypes.synReply, Buffer.concat([uint32(id), block]));
    if (fin) stream.receive(Buffer.alloc(0), true);
    this.emit('stream', stream);
  }

  #control(type: number, payload: Buffer): void {
    this.#send(Buffer.concat([uint32(0x80030000 | type, payload.length), payload])).catch(() => {});
  }

  #send(frame: Buffer): Promise<void> {
    if (!this.#transport.writable) return Promise.reject(new Error('connection closed'));
    return new Promise((resolve, reject) => {
      this.#transport.write(frame, error => (error ? reject(error) : resolve()));
    });
  }

  #close(): void {
    for (const stream of [...this.#streams.values()]) stream.destroy();
    this.emit('close');
  }
}
