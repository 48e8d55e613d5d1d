import type { Socket } from 'node:net';
import type { RelayReads } from './relay-reads.js';
import type { SideEnd } from './side-end.js';

/** When this many bytes wait on one side, the other side stops reading. At Node's own mark of 16 KB, every read stopped the reading. */
const maxBuffered = 256 * 1024;
/**
 * The same for bytes of `data` events: as many as one read brings. Node copies all waiting parts together before it encrypts them, so an
 * upload with four of them took 12 % more CPU time.
 */
const maxBufferedEvents = 64 * 1024;

/**
 * Copies one direction of an upgraded connection. If the buffer of one side is full, reading on the other side pauses. An end on one side
 * becomes an end on the other.
 */
export class Relay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #reads: RelayReads | undefined;
  readonly #sideEnd: SideEnd | undefined;
  readonly #maxBuffered: number;

  /**
   * @param sideEnd Hears the end of `from`.
   * @param reads Reads `from` into reused buffers; without it, bytes come as `data` events.
   */
  constructor(from: Socket, to: Socket, sideEnd?: SideEnd, reads?: RelayReads) {
    this.#from = from;
    this.#to = to;
    this.#sideEnd = sideEnd;
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
      this.#sideEnd?.read(bytes);
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

  #write = (bytes: Buffer, onWritten: (error?: Error | null) => void): void => {
    const to = this.#to;
    this.#sideEnd?.read(bytes);
    if (!to.writable) return;
    // Only a write that returns false is followed by a `drain` event.
    const goesOn = to.write(bytes, onWritten);
    if (!goesOn && to.writableLength >= this.#maxBuffered) this.#from.pause();
  };

  #end(): void {
    this.#reads?.flush();
    this.#sideEnd?.end();
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
