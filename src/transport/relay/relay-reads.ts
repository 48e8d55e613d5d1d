import type { OnReadOpts, Socket } from 'node:net';
import { RelayBuffer } from './relay-buffer.js';

/** Writes a part of what was read, and calls back when it has been written. */
type WritePart = (part: Buffer, onWritten: () => void) => void;

/**
 * What a connection to the API server reads: for node:http as `data` events, and from `relayTo` on in buffers that are used again. What comes in
 * one turn of the event loop leaves in as few writes as there are buffers. With Node 20.20 both together took the CPU time of an exec that
 * writes 600 MB from 1.8 times that of kubectl proxy to 1.0 times.
 */
export class RelayReads {
  #socket: Socket | undefined;
  #write: WritePart | undefined;
  #buffer = new RelayBuffer();
  #turnEnds = false;

  /** For the dial that opens the connection. */
  get options(): OnReadOpts {
    return { buffer: this.#room, callback: this.#onRead };
  }

  /** The connection is open. */
  follow(socket: Socket): void {
    this.#socket = socket;
  }

  /** From now on, what is read is for `write`. What the socket has already comes as `data` events before it. */
  relayTo(write: WritePart): void {
    this.#write = write;
  }

  /** The turn of the event loop in which something came is over, or nothing comes any more. */
  flush(): void {
    this.#turnEnds = false;
    const buffer = this.#buffer;
    const part = buffer.take();
    if (part === undefined) return;
    this.#write?.(part, () => {
      buffer.wasWritten();
      if (buffer !== this.#buffer && buffer.isFree) buffer.giveBack();
    });
  }

  /** Asked for after every read. */
  #room = (): Buffer => {
    const { isFree, isFull } = this.#buffer;
    if (isFull) this.#buffer = RelayBuffer.full();
    else if (isFree) this.#buffer.empty();
    return this.#buffer.room;
  };

  #onRead = (length: number): boolean => {
    const socket = this.#socket as Socket;
    const buffer = this.#buffer;
    // What the socket has already comes first.
    if (this.#write === undefined || socket.readableLength > 0) {
      return socket.push(Buffer.from(buffer.room.subarray(0, length)));
    }
    buffer.wasRead(length);
    if (buffer.isFull) this.flush();
    else if (!this.#turnEnds) {
      this.#turnEnds = true;
      setImmediate(flush, this);
    }
    return !socket.isPaused();
  };
}

function flush(reads: RelayReads): void {
  reads.flush();
}
