import type { Duplex } from 'node:stream';
import type { FrameReader } from '../../lib/frames.js';
import type { RelayReads } from './relay-reads.js';

/** When this many bytes wait on one side, the other side stops reading. At Node's own mark of 16 KB, every read stopped the reading. */
const maxBuffered = 256 * 1024;
/**
 * The same for bytes of `data` events: as many as one read brings. Node copies all waiting parts together before it encrypts them, so an
 * upload with four of them took 12 % more CPU time.
 */
const maxBufferedEvents = 64 * 1024;

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
 */
export class Relay {
  readonly #from: Duplex;
  readonly #to: Duplex;
  readonly #reads: RelayReads | undefined;
  readonly #side: RelayedSide | undefined;
  readonly #maxBuffered: number;
  /** What is to be written, and nothing behind it, as soon as no frame is incomplete. */
  #last: LastBytes | undefined;

  /**
   * @param reads Reads `from` into reused buffers; without it, bytes come as `data` events.
   */
  constructor(from: Duplex, to: Duplex, side?: RelayedSide, reads?: RelayReads) {
    this.#from = from;
    this.#to = to;
    this.#side = side;
    this.#reads = reads;
    this.#maxBuffered = reads === undefined ? maxBufferedEvents : maxBuffered;
  }

  /**
   * Copies until the end. Call this before anything ends `to` because `from` has closed, so that received bytes are written first.
   *
   * @param early What `from` has sent so far.
   */
  start(early: readonly Buffer[] = []): void {
    const from = this.#from;
    for (const bytes of early) {
      this.#side?.frames?.read(bytes);
      this.#to.write(bytes);
    }
    this.#reads?.relayTo(this.#write);
    from.on('data', chunk => this.#write(chunk, error => error ?? free(chunk)));
    from.once('close', () => this.#reads?.flush());
    this.#to.on('drain', () => from.resume());
    if (from.readableEnded) this.#end();
    else from.once('end', () => this.#end());
    from.resume();
  }

  /**
   * Ends `to` with these bytes instead of what `from` still sends: now, or after the rest of the frame that is on its way. Calls back then.
   * The end of `from` may come first.
   */
  endWith(bytes: Buffer, written: () => void): void {
    this.#reads?.flush();
    this.#last = { bytes, written };
    if (this.#side?.frames?.isBetween !== false) this.#writeLast();
  }

  #writeLast(): void {
    const { bytes, written } = this.#last as LastBytes;
    this.#to.end(bytes);
    written();
  }

  #write = (bytes: Buffer, onWritten: (error?: Error | null) => void): void => {
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
  };

  /** Returns how many of these bytes come before the last ones that are to be written; undefined if that is all of them. */
  #readFrames(bytes: Buffer): number | undefined {
    const frames = this.#side?.frames;
    if (this.#last !== undefined) return frames?.readFrame(bytes);
    frames?.read(bytes);
    return undefined;
  }

  #end(): void {
    this.#reads?.flush();
    this.#side?.end();
    this.#to.end();
  }
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
