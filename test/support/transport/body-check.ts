import assert from 'node:assert/strict';
import { ResponseParser } from '../../../src/transport/http1/response-parser.js';

/** Reads the bytes of one HTTP/1.1 response, and checks each part of its body against what it has to be. */
export class BodyCheck {
  /** How many bytes of the body have come. */
  length = 0;
  isWhole = false;
  readonly #parser = new ResponseParser();

  /** @param expected The body so far; it may grow. */
  constructor(expected: () => Buffer) {
    this.#parser.expect(
      {
        onHead: () => {},
        onBody: part => {
          const wanted = expected().subarray(this.length, this.length + part.length);
          assert.ok(part.equals(wanted), `wrong bytes in the part of the body at ${this.length}`);
          this.length += part.length;
        },
        onEnd: () => {
          this.isWhole = true;
        },
      },
      { withoutBody: false },
    );
  }

  readonly read = (bytes: Buffer): void => this.#parser.push(bytes);
}
