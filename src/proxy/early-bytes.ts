import type { Socket } from 'node:net';
import { StallTimer } from '../lib/stall-timer.js';

/** If more bytes than this wait, the socket is paused. */
const most = 64 * 1024;

/**
 * What a client sends before anybody takes it: an upgrade that waits, for its turn or for its 101, keeps it here. The socket is read meanwhile,
 * because nothing else shows that the client leaves. While it is paused nothing shows that, so the wait is limited.
 */
export class EarlyBytes {
  readonly #socket: Socket;
  readonly #stall: StallTimer;
  #chunks: Buffer[];
  #length = 0;

  /**
   * @param patience How long a paused socket may be without a byte in either direction, in milliseconds. Then it calls `onStall`.
   * @param before What came before. It does not count.
   */
  constructor(socket: Socket, patience: number, onStall: () => void, before: readonly Buffer[] = []) {
    this.#socket = socket;
    this.#stall = new StallTimer(socket, patience, onStall);
    this.#chunks = [...before];
  }

  /** Begins to read. */
  keep(): void {
    this.#socket.on('data', this.#keep).resume();
  }

  /** Keeps no more. The socket stays as it is, read or paused. */
  stop(): void {
    this.#stall.stop();
    this.#socket.off('data', this.#keep);
  }

  /** Gives all away. */
  take(): readonly Buffer[] {
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  #keep = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length <= most) return;
    this.#socket.pause();
    this.#stall.start();
  };
}
