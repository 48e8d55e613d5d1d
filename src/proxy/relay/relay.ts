import type { Duplex } from 'node:stream';
import type { FrameReader } from '../../lib/frames.js';
import type { BorrowedBytes, BytesHolder } from '../../transport/borrowed-bytes.js';
import type { BodySink } from '../../transport/round-trip.js';

/** When this many bytes wait on one side, the other side stops reading. At Node's own mark of 16 KB, every read stopped the reading. */
const maxBuffered = 256 * 1024;
/**
 * The same for bytes of `data` events: as many as one read brings. Node copies all waiting parts together before it encrypts them, so an
 * upload with four of them took 12 % more CPU time.
 */
const maxBufferedEvents = 64 * 1024;
/** With more bytes than this, a read buffer has no room for another read: they are written at once. */
const fullPart = 48 * 1024;

/** What a relay tells about the side that it reads. */
export interface RelayedSide {
  /** Reads its bytes; undefined if nobody needs to know where its frames end. */
  readonly frames?: FrameReader | undefined;
  /** It has sent its last byte. */
  end(): void;
}

/** The last bytes of a direction that is ended between two frames. */
interface LastBytes {
  readonly bytes: Buffer;
  written(): void;
}

/**
 * Copies one direction of an upgraded connection. If the buffer of one side is full, reading on the other side pauses. An end on one side
 * becomes an end on the other.
 *
 * What is lent in one turn of the event loop is written in one write. With `data` events instead, bytes to a client took 1.4 times the CPU
 * time (Node 20.20).
 */
export class Relay implements BodySink, BytesHolder {
  readonly #from: Duplex;
  readonly #to: Duplex;
  readonly #side: RelayedSide | undefined;
  #maxBuffered = maxBuffered;
  /** The bytes that were lent in this turn, one behind the other. */
  #part: Buffer | undefined;
  #turnEnds = false;
  /** What is to be written, and nothing behind it, as soon as no frame is incomplete. */
  #last: LastBytes | undefined;

  constructor(from: Duplex, to: Duplex, side?: RelayedSide) {
    this.#from = from;
    this.#to = to;
    this.#side = side;
  }

  /** Copies `data` events of `from`, after what it has sent so far, until the end. Otherwise its bytes are lent, as a body. */
  copyEvents(early: readonly Buffer[] = []): void {
    this.#maxBuffered = maxBufferedEvents;
    for (const bytes of early) {
      this.#side?.frames?.read(bytes);
      this.#to.write(bytes);
    }
    this.#from.on('data', chunk => this.#write(chunk, error => error ?? free(chunk)));
    this.start();
  }

  /** Copies until the end. Call this before anything ends `to` because `from` has closed, so that received bytes are written first. */
  start(): void {
    const from = this.#from;
    from.once('close', () => this.#flush());
    this.#to.on('drain', () => from.resume());
    if (from.readableEnded) this.#end();
    else from.once('end', () => this.#end());
    from.resume();
  }

  get holdsBytes(): boolean {
    return this.#part !== undefined || this.#to.writableLength > 0;
  }

  data(chunk: BorrowedBytes): void {
    const bytes = chunk.keep(this);
    const before = this.#part;
    if (before !== undefined && isBehind(bytes, before)) {
      this.#part = Buffer.from(bytes.buffer, before.byteOffset, before.length + bytes.length);
    } else {
      this.#flush();
      this.#part = bytes;
    }
    if (this.#part.length > fullPart) this.#flush();
    else if (!this.#turnEnds) {
      this.#turnEnds = true;
      setImmediate(onTurnEnd, this);
    }
  }

  idle(): void {}

  onTurnEnd(): void {
    this.#turnEnds = false;
    this.#flush();
  }

  #flush(): void {
    const part = this.#part;
    this.#part = undefined;
    if (part !== undefined) this.#write(part);
  }

  /**
   * Ends `to` with these bytes instead of what `from` still sends: now, or after the rest of the frame that is on its way. Calls back then.
   * The end of `from` may come first.
   */
  endWith(bytes: Buffer, written: () => void): void {
    this.#flush();
    this.#last = { bytes, written };
    if (this.#side?.frames?.isBetween !== false) this.#writeLast();
  }

  #writeLast(): void {
    const { bytes, written } = this.#last as LastBytes;
    this.#to.end(bytes);
    written();
  }

  #write(bytes: Buffer, onWritten?: (error?: Error | null) => void): void {
    const to = this.#to;
    const rest = this.#readFrames(bytes);
    if (!to.writable) return;
    if (rest !== undefined) {
      to.write(bytes.subarray(0, rest), onWritten);
      this.#writeLast();
      return;
    }
    // Only a write that returns false is followed by a `drain` event.
    const goesOn = to.write(bytes, onWritten);
    if (!goesOn && to.writableLength >= this.#maxBuffered) this.#from.pause();
  }

  /** Returns how many of these bytes come before the last ones that are to be written; undefined if that is all of them. */
  #readFrames(bytes: Buffer): number | undefined {
    const frames = this.#side?.frames;
    if (this.#last !== undefined) return frames?.readFrame(bytes);
    frames?.read(bytes);
    return undefined;
  }

  #end(): void {
    this.#flush();
    this.#side?.end();
    this.#to.end();
  }
}

function onTurnEnd(relay: Relay): void {
  relay.onTurnEnd();
}

/** Whether bytes stand in memory directly behind others. */
function isBehind(bytes: Buffer, { buffer, byteOffset, length }: Buffer): boolean {
  return bytes.buffer === buffer && bytes.byteOffset === byteOffset + length;
}

/** Nothing receives what is sent to this port. */
const { port1: closedPort } = new MessageChannel();
closedPort.close();
/** A smaller part may share its memory with others, and is not worth the call. */
const minFreed = 32 * 1024;

/**
 * Frees the memory of a part that has been written. The garbage collector would do so only after some 30 MB, and the reads until then would
 * go into memory outside of the CPU's caches. That took 1.3 times the CPU time.
 */
function free({ buffer, byteLength }: Buffer): void {
  if (byteLength < minFreed || byteLength !== buffer.byteLength) return;
  closedPort.postMessage(undefined, [buffer as ArrayBuffer]);
}
