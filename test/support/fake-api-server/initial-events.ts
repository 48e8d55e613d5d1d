import type { AnswerStream } from './answer-stream.js';

/** Sends the initial events of watches, each as fast as its client takes them, and only a part of them while a test holds them. */
export class InitialEvents {
  #hold: { readonly after: number; readonly released: Promise<void> } | undefined;

  /**
   * From now on, each watch that begins with the objects waits when it has sent this number of events; the bookmark at the end counts as
   * one. Returns a function that lets all of them go on.
   */
  hold(after: number): () => void {
    let release = () => {};
    const released = new Promise<void>(resolve => {
      release = resolve;
    });
    this.#hold = { after, released };
    return () => {
      this.#hold = undefined;
      release();
    };
  }

  /** Resolves when all have been sent, or when the stream is over. */
  async send(stream: AnswerStream, frames: Iterable<Buffer | string>): Promise<void> {
    let sent = 0;
    for (const frame of frames) {
      if (sent === this.#hold?.after) await this.#hold.released;
      if (stream.isFull) await stream.drained();
      if (stream.isOver) return;
      stream.write(frame);
      sent += 1;
    }
  }
}
