import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

/**
 * A client's request body on its way upstream. undici destroys a body once it has no more use for it; destroying this one
 * leaves the client's connection alone, so that an early answer (413, 401, a failed dial) still reaches the client.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #onData = (chunk: Buffer) => {
    if (!this.push(chunk)) this.#request.pause();
  };
  readonly #onEnd = () => this.push(null);
  readonly #onClose = () => {
    if (!this.#request.complete) this.destroy(new Error('the client left before its request was complete'));
  };

  constructor(request: IncomingMessage) {
    super();
    this.#request = request;
    // Its failure is the exchange's business, which hears of it from undici or from the client's connection.
    this.on('error', () => {});
    request.on('error', this.#onClose);
    request.on('close', this.#onClose);
    request.on('end', this.#onEnd);
    request.on('data', this.#onData);
    request.pause();
  }

  override _read(): void {
    this.#request.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const request = this.#request;
    request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    // What is left of it is read and dropped, for the client may only read its answer after it has sent everything.
    request.resume();
    callback(error);
  }
}

/** Whether a request announces a body (RFC 9112, section 6): `Content-Length: 0` is none. */
export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
