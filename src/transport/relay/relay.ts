import type { Socket } from 'node:net';
import { freeMemory } from '../../lib/free-memory.js';
import type { RelayReads } from './relay-reads.js';

/** Bytes that wait on one side before the other side waits too. At Node's own mark of 16 KB, every read stopped the reading. */
const maxBuffered = 256 * 1024;

/** Copies one direction of an upgraded connection: a full buffer on one side stops the other side's reading, and an end is passed on as an end. */
export class Relay {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #reads: RelayReads | undefined;

  /** @param reads Reads for `from`; without it, its bytes come as `data` events alone. */
  constructor(from: Socket, to: Socket, reads?: RelayReads) {
    this.#from = from;
    this.#to = to;
    this.#reads = reads;
  }

  /** Copies until an end. Call this before anything ends `to` because `from` was closed: what has come is written first. */
  start(): void {
    const from = this.#from;
    this.#reads?.relayTo(this.#write);
    from.on('data', chunk => this.#write(chunk, () => freeMemory(chunk)));
    from.once('close', () => this.#reads?.flush());
    this.#to.on('drain', () => from.resume());
    if (from.readableEnded) this.#end();
    else from.once('end', () => this.#end());
    from.resume();
  }

  #write = (bytes: Buffer, onWritten: () => void): void => {
    const to = this.#to;
    if (!to.writable) return;
    to.write(bytes, onWritten);
    if (to.writableLength >= maxBuffered) this.#from.pause();
  };

  #end(): void {
    this.#reads?.flush();
    this.#to.end();
  }
}
