import type { Socket } from 'node:net';

/** Checks within one patience. */
const checks = 10;

/**
 * Finds a connection that makes no progress: nothing is read from it, nothing new is written to it, and no waiting byte has been sent. Not
 * Node's `Socket.setTimeout`, which gives a connection up to twice its time while bytes wait.
 */
export class StallTimer {
  readonly #socket: Socket;
  readonly #patience: number;
  readonly #onStall: () => void;
  #timer: NodeJS.Timeout | undefined;
  #unchanged = 0;
  #progress = 0;

  /** @param patience Calls back after so many milliseconds without progress, or up to a tenth earlier. */
  constructor(socket: Socket, patience: number, onStall: () => void) {
    this.#socket = socket;
    this.#patience = patience;
    this.#onStall = onStall;
  }

  start(): void {
    if (this.#timer !== undefined) return;
    this.#unchanged = 0;
    this.#progress = this.#measure();
    this.#timer = setInterval(() => this.#check(), this.#patience / checks);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Grows with every byte that is read, that is taken for writing, and that has been written. */
  #measure(): number {
    const { bytesRead, bytesWritten, writableLength } = this.#socket;
    return bytesRead + 2 * bytesWritten - writableLength;
  }

  #check(): void {
    const progress = this.#measure();
    this.#unchanged = progress === this.#progress ? this.#unchanged + 1 : 0;
    this.#progress = progress;
    if (this.#unchanged < checks - 1) return;
    this.stop();
    this.#onStall();
  }
}
