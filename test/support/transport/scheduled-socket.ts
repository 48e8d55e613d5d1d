import type { OnReadOpts } from 'node:net';
import { Duplex } from 'node:stream';
import type { Random } from '../random.js';

/** A write that the peer has not taken completely. */
interface PendingWrite {
  readonly parts: readonly Buffer[];
  /** The next byte: the index of its part, and its place there. */
  part: number;
  at: number;
  readonly done: () => void;
}

interface WrittenPart {
  readonly chunk: Buffer | string;
  readonly encoding: BufferEncoding;
}

/**
 * A socket without a kernel: the test decides when a read comes, and how many bytes the peer takes of what is written. It starts and stops
 * reading as `net.Socket` does, with the `onread` option too. A write looks at its bytes only when the peer takes them, as the kernel does,
 * so a buffer that is used again too early shows.
 */
export class ScheduledSocket extends Duplex {
  /** Gets the bytes that the peer has taken. They are only good for the call. */
  onTaken: (bytes: Buffer) => void = () => {};
  readonly #onread: OnReadOpts | undefined;
  /** Where the next read goes, with `onread`. */
  #place: Uint8Array | undefined;
  #isReading = false;
  /** Bytes that the peer has sent, and that were not read yet. */
  #sent: Buffer[] = [];
  #room = 0;
  #pending: PendingWrite | undefined;

  constructor(onread?: OnReadOpts) {
    // As net.Socket of Node 20; later versions have more room.
    super({ highWaterMark: 16 * 1024, decodeStrings: false, emitClose: true });
    this.#onread = onread;
    if (onread !== undefined) this.#place = nextPlace(onread);
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  /** Whether the peer has taken all that was written. */
  get isDrained(): boolean {
    return this.writableLength === 0;
  }

  /** The peer sends bytes. */
  offer(...parts: readonly Buffer[]): void {
    for (const part of parts) if (part.length > 0) this.#sent.push(part);
  }

  /**
   * One read brings at most `limit` bytes, if this side reads. With `isDecrypted` it comes also while reading is stopped: TLS passes on all
   * records that it has decrypted. Returns the number of bytes.
   */
  deliver(limit: number, isDecrypted = false): number {
    if (this.#sent.length === 0 || this.destroyed || !(this.#isReading || isDecrypted)) return 0;
    const bytes = this.#takeUnread(Math.min(limit, this.#place?.length ?? limit));
    const goesOn = this.#onread === undefined ? this.push(bytes) : this.#fill(bytes);
    if (!goesOn) this.#isReading = false;
    return bytes.length;
  }

  #takeUnread(limit: number): Buffer {
    const parts: Buffer[] = [];
    let room = limit;
    for (let [first] = this.#sent; first !== undefined && room > 0; [first] = this.#sent) {
      const part = first.subarray(0, room);
      parts.push(part);
      room -= part.length;
      if (part.length === first.length) this.#sent.shift();
      else this.#sent[0] = first.subarray(part.length);
    }
    return Buffer.concat(parts);
  }

  /** As `onStreamRead` of Node: the next place is asked for after the callback, whatever that says. */
  #fill(bytes: Buffer): boolean {
    const { callback } = this.#onread as OnReadOpts;
    const place = this.#place as Uint8Array;
    place.set(bytes);
    const goesOn = callback(bytes.length, place) !== false;
    this.#place = nextPlace(this.#onread as OnReadOpts);
    return goesOn;
  }

  /** The peer has ended its side. */
  deliverEnd(): void {
    this.push(null);
    this.read(0);
  }

  /** The peer takes up to `limit` bytes more, now or when they are written. */
  accept(limit: number): void {
    this.#room = Math.min(this.#room + limit, 4 * 1024 * 1024);
    this.#takePending();
  }

  /** The peer takes no more bytes for now. */
  stopAccepting(): void {
    this.#room = 0;
  }

  #takePending(): void {
    const write = this.#pending;
    if (write === undefined || this.destroyed) return;
    for (let part = write.parts[write.part]; part !== undefined; part = write.parts[write.part]) {
      const bytes = part.subarray(write.at, write.at + this.#room);
      this.#room -= bytes.length;
      write.at += bytes.length;
      if (bytes.length > 0) this.onTaken(bytes);
      if (write.at < part.length) return;
      write.part += 1;
      write.at = 0;
    }
    this.#pending = undefined;
    write.done();
  }

  #write(parts: readonly WrittenPart[], done: () => void): void {
    const bytes = parts.map(({ chunk, encoding }) =>
      typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk,
    );
    this.#pending = { parts: bytes, part: 0, at: 0, done };
    this.#takePending();
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.#write([{ chunk, encoding }], done);
  }

  override _writev(parts: WrittenPart[], done: () => void): void {
    this.#write(parts, done);
  }

  override _read(): void {
    this.#isReading = true;
  }

  override read(size?: number): unknown {
    if (this.#onread !== undefined) this.#isReading = true;
    return super.read(size);
  }

  override pause(): this {
    if (this.#onread !== undefined) this.#isReading = false;
    return super.pause();
  }

  override resume(): this {
    if (this.#onread !== undefined) this.#isReading = true;
    return super.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#pending = undefined;
    this.#sent = [];
    done(error);
  }

  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', this.destroy);
  }
}

function nextPlace({ buffer }: OnReadOpts): Uint8Array {
  return typeof buffer === 'function' ? buffer() : buffer;
}

/** A client accepts some bytes: now, or before the next turn of the event loop ends. */
export function acceptSome(random: Random, client: ScheduledSocket): void {
  const limit = random.pick([1, 500, 9000, 70_000, 300_000, 1_000_000]);
  const accept = () => client.accept(limit);
  const when = random.below(4);
  if (when === 0) queueMicrotask(accept);
  else if (when === 1) process.nextTick(accept);
  else if (when === 2) setImmediate(accept);
  else accept();
}

/** Up to so many reads in one go, as TLS has them or as TCP has them. Returns the number of bytes. */
export function deliverSome(random: Random, socket: ScheduledSocket, reads: number): number {
  const isTls = random.chance(0.3);
  let total = 0;
  for (let read = 0; read < reads; read += 1) {
    const limit = 1 + random.below(random.pick([20, 5000, 16_384, 70_000]));
    const length = socket.deliver(limit, isTls && read > 0);
    if (length === 0) break;
    total += length;
  }
  return total;
}
