import { ownBytes } from '../../../src/transport/borrowed-bytes.js';
import type {
  Lease,
  OutgoingBody,
  OutgoingRequest,
  Pool,
  ResponseSink,
} from '../../../src/transport/round-trip.js';

/** What an API server answers; undefined for a connection that breaks. A body that is not a text becomes JSON. */
export type Answer = { readonly status: number; readonly body: unknown } | undefined;

/** Connections on which each request gets an answer of its own. */
export function answeringPool(answer: (request: OutgoingRequest) => Answer | Promise<Answer>): Pool {
  return { lease: () => new AnsweringLease(answer) };
}

class AnsweringLease implements Lease {
  readonly isStale = false;
  readonly #answer: (request: OutgoingRequest) => Answer | Promise<Answer>;
  #isAborted = false;

  constructor(answer: (request: OutgoingRequest) => Answer | Promise<Answer>) {
    this.#answer = answer;
  }

  send(request: OutgoingRequest, sink: ResponseSink): void {
    Promise.resolve(this.#answer(request)).then(
      answer => this.#respond(sink, answer),
      error => this.#fail(sink, error),
    );
  }

  #respond(sink: ResponseSink, answer: Answer): void {
    if (this.#isAborted) return;
    if (answer === undefined) {
      sink.error(new Error('the connection broke'));
      return;
    }
    const { status, body } = answer;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    try {
      sink.head(status, '', []).data(ownBytes(Buffer.from(text)));
    } catch (error) {
      this.#fail(sink, error as Error);
      return;
    }
    if (!this.#isAborted) sink.end([]);
  }

  #fail(sink: ResponseSink, error: Error): void {
    if (!this.#isAborted) sink.error(error);
  }

  pause(): void {}
  resume(): void {}

  abort(): void {
    this.#isAborted = true;
  }
}

/** What a body writes to its connection, as JSON. */
export function jsonOf(body: OutgoingBody | undefined): unknown {
  let text = '';
  body?.start({ write: (part: string) => (text += part) } as never, () => {});
  return JSON.parse(text);
}
