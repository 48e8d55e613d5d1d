import { type BorrowedBytes, lastingBytes } from './borrowed-bytes.js';
import type { BodySink } from './round-trip.js';

/** A response that waits until it is known whether anyone gets it. Its connection is paused, so that few bytes come meanwhile. */
export class HeldResponse implements BodySink {
  readonly statusCode: number;
  readonly statusMessage: string;
  readonly headers: string[];
  /** Whether it is whole, or its error; undefined before its end. */
  ending: 'whole' | Error | undefined;
  /** The part of the body that waits. */
  protected chunks: Buffer[] = [];
  /** The sink for the body, once the response is passed on. */
  protected body: BodySink | undefined;

  constructor(statusCode: number, statusMessage: string, headers: string[]) {
    this.statusCode = statusCode;
    this.statusMessage = statusMessage;
    this.headers = headers;
  }

  data(chunk: BorrowedBytes): void {
    if (this.body === undefined) this.chunks.push(Buffer.from(chunk.view()));
    else this.body.data(chunk);
  }

  idle(most?: number): void {
    this.body?.idle(most);
  }

  /** Passes on the part of the body that has come, and from now on all that comes. */
  releaseTo(body: BodySink): void {
    this.body = body;
    for (const chunk of this.chunks) body.data(lastingBytes(chunk));
    this.chunks = [];
    if (this.ending === undefined) body.idle();
  }
}
