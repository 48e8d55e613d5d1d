import assert from 'node:assert/strict';
import { once } from 'node:events';
import type net from 'node:net';
import { within } from '../../support/eventually.js';

/** An answer with its body, one character per byte. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly isWhole: boolean;
}

/** What a client has received on a connection. */
export class Received {
  readonly #chunks: Buffer[] = [];
  readonly #socket: net.Socket;
  #tail = '';
  #isOver = false;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', chunk => {
      this.#chunks.push(chunk);
      this.#tail = (this.#tail + chunk.toString('latin1')).slice(-100);
      socket.emit('received');
    });
    const end = () => {
      this.#isOver = true;
      socket.emit('received');
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  /** Waits until the last bytes are these, or for the end of the connection. Returns whether they are. */
  async until(last: string): Promise<boolean> {
    const isThere = () => this.#tail.endsWith(last);
    while (!isThere() && !this.#isOver) await within(`${last} or the end`, once(this.#socket, 'received'));
    return isThere();
  }

  /** Waits for the end of the connection. */
  async untilOver(): Promise<void> {
    while (!this.#isOver) await within('the end', once(this.#socket, 'received'));
  }

  get answers(): Answer[] {
    return readAnswers(Buffer.concat(this.#chunks).toString('latin1'));
  }
}

/** All answers have a length. The last may be cut. */
function readAnswers(text: string): Answer[] {
  const answers: Answer[] = [];
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf('\r\n\r\n', at);
    const head = /^HTTP\/1\.1 (\d{3}) [\s\S]*?\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(at, end + 2));
    assert.ok(head !== null, `not an answer: ${text.slice(at, at + 200)}`);
    const begin = end + 4;
    at = begin + Number(head[2]);
    answers.push({ status: Number(head[1]), body: text.slice(begin, at), isWhole: at <= text.length });
  }
  return answers;
}
