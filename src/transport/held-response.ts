import { type BorrowedBytes, lastingBytes } from './borrowed-bytes.js';
import type { BodySink } from './round-trip.js';

/** A response that waits until it is known whether anyone gets it. While that takes long, its connection should be paused. */
export class HeldResponse implements BodySink {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: string[];
  #ending: 'whole' | Error | undefined;
  /** The part of the body that waits. */
  protected chunks: Buffer[] = [];
  /** The sink for the body, once the response is passed on. */
  protected body: BodySink | undefined;
  #left = Number.POSITIVE_INFINITY;
  #onText: (text: string | undefined) => void = () => {};

  constructor(statusCode: number, statusMessage: string, headers: string[]) {
    this.statusCode = statusCode;
    this.statusMessage = statusMessage;
    this.headers = headers;
  }

  /** Whether it is whole, or its error; undefined before its end. */
  get ending(): 'whole' | Error | undefined {
    return this.#ending;
  }

  /** It has ended. */
  end(ending: 'whole' | Error): void {
    this.#ending = ending;
    this.#onText(ending === 'whole' ? Buffer.concat(this.chunks).toString() : undefined);
  }

  /** Resolves to the text of the body when all of it waits, and to undefined if there is no end, or there are more bytes than this. */
  text(most: number): Promise<string | undefined> {
    this.#left = most;
    return new Promise(resolve => {
      this.#onText = resolve;
    });
  }

  data(chunk: BorrowedBytes): void {
    if (this.body !== undefined) {
      this.body.data(chunk);
      return;
    }
    this.chunks.push(Buffer.from(chunk.view()));
    this.#left -= chunk.length;
    if (this.#left < 0) this.#onText(undefined);
  }

  idle(most?: number): void {
    this.body?.idle(most);
  }

  /** Passes on the part of the body that has come, and from now on all that comes. */
  releaseTo(body: BodySink): void {
    this.body = body;
    for (const chunk of this.chunks) body.data(lastingBytes(chunk));
    this.chunks = [];
    if (this.#ending === undefined) body.idle();
  }
}
