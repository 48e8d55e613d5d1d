import type { Dial } from './dial.js';

/** The connections to one API server that are being opened: they can be given up together. */
export class PendingDials {
  readonly #pending = new Set<(error: Error) => void>();

  /** Dials as the given one does. */
  over(dial: Dial): Dial {
    return (callback, onRead) => {
      let isOver = false;
      const settle: typeof callback = (error, socket) => {
        this.#pending.delete(giveUp);
        if (isOver) return;
        isOver = true;
        callback(error, socket);
      };
      const giveUp = (error: Error) => {
        settle(error, null);
        dialled.destroy();
      };
      this.#pending.add(giveUp);
      const dialled = dial(settle, onRead);
      return dialled;
    };
  }

  /** Each of them fails with this error. */
  giveUp(error: Error): void {
    for (const giveUp of [...this.#pending]) giveUp(error);
  }
}
