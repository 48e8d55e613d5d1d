import type { Socket } from 'node:net';

/** How many checks are made within the time limit. */
const checks = 10;

/**
 * Detects a connection without progress: no byte is read, written or sent. Node's `Socket.setTimeout` could take up to twice the time while
 * bytes wait to be sent.
 */
export class StallTimer {
  readonly #socket: Socket;
  readonly #patience: number;
  readonly #onStall: () => void;
  #timer: NodeJS.Timeout | undefined;
  #unchanged = 0;
  #progress = 0;

  /** @param patience Calls back after this many milliseconds without progress, or up to a tenth earlier. */
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

  /** Grows with every byte that is read, accepted for writing, or written. */
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
