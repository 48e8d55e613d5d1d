import type { Socket } from 'node:net';
import type { RelayReads } from './relay-reads.js';

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
  readonly #maxBuffered: number;

  /** @param reads Reads `from` into reused buffers; without it, bytes come as `data` events. */
  constructor(from: Socket, to: Socket, reads?: RelayReads) {
    this.#from = from;
    this.#to = to;
    this.#reads = reads;
    this.#maxBuffered = reads === undefined ? maxBufferedEvents : maxBuffered;
  }

  /** Copies until the end. Call this before anything ends `to` because `from` has closed, so that received bytes are written first. */
  start(): void {
    const from = this.#from;
    this.#reads?.relayTo(this.#write);
    from.on('data', chunk => this.#write(chunk));
    from.once('close', () => this.#reads?.flush());
    this.#to.on('drain', () => from.resume());
    if (from.readableEnded) this.#end();
    else from.once('end', () => this.#end());
    from.resume();
  }

  #write = (bytes: Buffer, onWritten?: () => void): void => {
    const to = this.#to;
    if (!to.writable) return;
    // Only a write that returns false is followed by a `drain` event.
    const goesOn = to.write(bytes, onWritten);
    if (!goesOn && to.writableLength >= this.#maxBuffered) this.#from.pause();
  };

  #end(): void {
    this.#reads?.flush();
    this.#to.end();
  }
}
